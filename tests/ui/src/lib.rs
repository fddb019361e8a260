//! What the compiler says to those who make a mistake: see `cases`.
