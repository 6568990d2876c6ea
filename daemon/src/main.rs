//! `earworm`: scores files and whatever plays.

fn main() -> std::process::ExitCode {
    earworm::main()
}
