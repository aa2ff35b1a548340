//! The program `acquit`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    acquit::cli::main()
}
