//! The program `protime-webhookd`: the library's entry, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    protime_webhookd::main()
}
