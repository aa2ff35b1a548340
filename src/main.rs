//! The `acquit` program.

fn main() -> std::process::ExitCode {
    acquit::cli::main()
}
