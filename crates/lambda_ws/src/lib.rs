//! Serverless websockets.
