#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protime_webhookd::fuzzing::run("body", data));
