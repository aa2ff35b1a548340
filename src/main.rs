//! The program `acquit`; everything is in the library.

use std::process::ExitCode;

// A batch of events is millions of small objects that come and go together: the system's allocator takes a tenth of the time for
// them, and keeps what it once had.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    acquit::cli::main()
}
