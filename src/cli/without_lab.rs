//! What `aku lab` and `aku demo` say in a build without the feature `lab`.

use std::io::Write;

use clap::Args;

use crate::exit::Exit;

/// Any arguments: what they would mean is not known here.
#[derive(Args, Debug)]
pub struct Anything {
    /// Ignored
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

fn say(command: &str, err: &mut dyn Write) -> Exit {
    // Nothing can be done when standard error is gone as well.
    let _ = write!(
        err,
        "error[{command}]: this build of aku has no lab\n  the lab is left out of the program that runs beside a database; \
         a build with it: cargo install --path . (feature \"lab\", on by default)\n"
    );
    Exit::Usage
}

/// `aku lab`
pub mod lab {
    use std::io::Write;

    pub use super::Anything as LabArgs;
    use crate::exit::Exit;

    /// Says that there is none.
    pub fn run(args: LabArgs, _out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        drop(args.rest);
        super::say("lab", err)
    }
}

/// `aku demo`
pub mod demo {
    use std::{io::Write, path::PathBuf};

    pub use super::Anything as DemoArgs;
    use crate::exit::Exit;

    /// Says that there is none.
    pub fn run(_args: &DemoArgs, _program: PathBuf, _out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        super::say("demo", err)
    }
}
