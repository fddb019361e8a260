//! The kinds of metrics.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Metric {
    ColdStarts,
    InitTime,
    Connects,
    Refusals,
    Disconnects,
    Messages,
    HandlerTime,
    Failures,
    Sent,
    Gone,
    Throttled,
    Failed,
    Audience,
    BroadcastTime,
    GoneConfirmed,
    GoneFalse,
    Removed,
    TasksBegun,
    TasksHandedOn,
    TasksFailed,
    Limited,
    LimitDelayed,
    LimitClosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Unit {
    Count,
    Milliseconds,
}

/// The dimension of a metric, beside the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Nothing,
    Route,
    Code,
}

impl Metric {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 23] = [
        Self::ColdStarts,
        Self::InitTime,
        Self::Connects,
        Self::Refusals,
        Self::Disconnects,
        Self::Messages,
        Self::HandlerTime,
        Self::Failures,
        Self::Sent,
        Self::Gone,
        Self::Throttled,
        Self::Failed,
        Self::Audience,
        Self::BroadcastTime,
        Self::GoneConfirmed,
        Self::GoneFalse,
        Self::Removed,
        Self::TasksBegun,
        Self::TasksHandedOn,
        Self::TasksFailed,
        Self::Limited,
        Self::LimitDelayed,
        Self::LimitClosed,
    ];

    pub(super) fn unit(self) -> Unit {
        match self {
            Self::InitTime | Self::HandlerTime | Self::BroadcastTime => Unit::Milliseconds,
            _ => Unit::Count,
        }
    }

    pub(super) fn by(self) -> By {
        match self {
            Self::Messages | Self::HandlerTime | Self::Failures => By::Route,
            Self::Disconnects => By::Code,
            _ => By::Nothing,
        }
    }
}
