//! A thread that starts processes, on the core where functions run.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;
use tests::Meter;
use tests::bench::Cores;

/// A thread that starts processes on the core where functions run: they stay where it is, and no program has
/// to be started that moves them, which would be measured with them.
#[derive(Debug)]
pub(crate) struct Launcher {
    commands: Sender<Command>,
    launched: Receiver<io::Result<(Child, Instant)>>,
}

impl Launcher {
    pub(crate) fn new() -> Self {
        let (commands, received) = channel::<Command>();
        let (launch, launched) = channel();
        std::thread::spawn(move || {
            if let Meter::Thread(id) = Meter::own_thread() {
                Cores::Apart.place_server(id);
            }
            for mut command in received {
                let began = Instant::now();
                // The caller may have stopped waiting.
                let _ = launch.send(command.spawn().map(|child| (child, began)));
            }
        });
        Self { commands, launched }
    }

    /// Starts a process, and returns the time of its start.
    pub(crate) fn launch(&self, command: Command) -> io::Result<(Child, Instant)> {
        self.commands.send(command).map_err(io::Error::other)?;
        self.launched.recv().map_err(io::Error::other)?
    }
}
