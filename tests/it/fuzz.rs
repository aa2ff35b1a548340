//! Every reader over its seeds and some hundreds of mutations of them, always the same ones. `make fuzz` goes on where this ends;
//! what it finds becomes a seed.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use acquit::card_number;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::readers::READERS;

/// How many mutations of each reader's seeds are tried.
const MUTATIONS: usize = 500;

/// What breaks readers: borders of numbers, marks of encodings, halves of quotes.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"-",
    b".",
    b"e9",
    b"9223372036854775807",
    b"99999999999999999999",
    b"4111111111111111",
    b"-0",
    b"\x40\x40",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"0000000",
];

/// The seeds of a reader, by the names of their files.
fn seeds(reader: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(reader);
    let mut seeds: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    seeds
}

/// One small damage.
fn mutate(dice: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let length = bytes.len();
    let mut place = |limit: usize| if limit == 0 { 0 } else { dice.random_range(0..limit) };
    let at = place(length);
    let end = (at + 1 + place(24)).min(length);
    match place(7) {
        0 => bytes.truncate(at),
        1 => {
            bytes.drain(at..end);
        }
        2 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        3 => {
            let piece = PIECES[place(PIECES.len())];
            bytes.splice(at..end, piece.iter().copied());
        }
        4 => {
            let from = place(other.len());
            let to = (from + place(64)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ if at < length => bytes[at] ^= 1 << place(8),
        _ => {}
    }
}

#[test]
fn every_reader_survives_its_seeds_and_mutations_of_them() {
    for (number, (name, reader)) in (0..).zip(READERS) {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for (seed, bytes) in &seeds {
            run(name, *reader, bytes, seed);
        }
        let mut dice = ChaCha8Rng::seed_from_u64(number);
        for round in 0..MUTATIONS {
            let (seed, bytes) = &seeds[round % seeds.len()];
            let other = &seeds[dice.random_range(0..seeds.len())].1;
            let mut bytes = bytes.clone();
            for _ in 0..dice.random_range(1..5) {
                mutate(&mut dice, &mut bytes, other);
            }
            run(name, *reader, &bytes, &format!("{seed}, mutation {round}"));
        }
    }
}

/// Runs a reader; what it stumbles over is told so that it can be kept as a seed.
fn run(name: &str, reader: fn(&[u8]), bytes: &[u8], what: &str) {
    let stumbles = catch_unwind(AssertUnwindSafe(|| reader(bytes))).is_err();
    assert!(
        !stumbles,
        "{name} stumbles over {what}: {:?}",
        String::from_utf8_lossy(bytes)
    );
}

/// But for those that card schemes publish for tests.
#[test]
fn no_seed_holds_a_card_number() {
    const PUBLISHED: [&str; 2] = ["4111111111111111", "5555555555554444"];
    for (name, _) in READERS {
        for (seed, bytes) in seeds(name) {
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            for number in PUBLISHED {
                text = text.replace(number, "");
            }
            assert!(
                !card_number::is_in(&text),
                "fuzz/seeds/{name}/{seed} holds a card number"
            );
        }
    }
}

/// A target for each reader, seeds for each target.
#[test]
fn every_reader_has_a_fuzz_target() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in READERS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "no target {name}");
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/targets/{name}.rs"));
        let text = fs::read_to_string(&target).expect("the target");
        assert!(
            text.contains(&format!("readers::{name}(")),
            "{name} drives another reader"
        );
    }
}
