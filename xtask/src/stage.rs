use std::time::Instant;

use crate::error::Error;

/// Stages one after another, each announced and timed; the first failure ends them.
pub struct Stages {
    began: Instant,
    done: usize,
}

impl Stages {
    /// The clock starts now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), done: 0 }
    }

    /// Runs one.
    pub fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        println!("=== {name}");
        self.timed(name, work)
    }

    /// Runs one that says nothing for minutes where nothing is built yet.
    pub fn run_long(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        println!("=== {name} (takes minutes the first time)");
        self.timed(name, work)
    }

    fn timed(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let began = Instant::now();
        let outcome = work();
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                self.done += 1;
                println!("=== {name}: ok, {seconds:.1} s");
                Ok(())
            }
            Err(cause) => {
                println!("=== {name}: FAILED after {seconds:.1} s");
                Err(Error::Stage { stage: name, cause: Box::new(cause) })
            }
        }
    }

    /// The closing line.
    pub fn close(self, task: &str) {
        println!("=== {task}: {} stages passed in {:.0} s", self.done, self.began.elapsed().as_secs_f64());
    }
}
