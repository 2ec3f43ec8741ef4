//! What fuzzing tries, each a function over bytes: `fuzz/` feeds them for minutes with what it makes up, and here they are fed with all
//! that was found worth keeping.

pub(crate) mod bodies;
pub(crate) mod commit;
pub(crate) mod cursor;
pub(crate) mod markdown;
pub(crate) mod token;

#[cfg(test)]
type Target = fn(&[u8]);

/// Each target, by the name of its corpus.
#[cfg(test)]
const TARGETS: [(&str, Target); 5] = [
    ("bodies", bodies::run),
    ("commit", commit::run),
    ("cursor", cursor::run),
    ("markdown", markdown::run),
    ("token", token::run),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn what_fuzzing_kept_still_passes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, run) in TARGETS {
            let inputs = fs::read_dir(folder.join(name)).unwrap_or_else(|error| panic!("{name} has no corpus: {error}"));
            let mut count = 0;
            for input in inputs {
                let input = input.unwrap().path();
                run(&fs::read(&input).unwrap());
                count += 1;
            }
            assert!(count >= 5, "{name}: {count}");
        }
    }

    #[test]
    fn every_target_is_fuzzed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
        let mut targets: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        targets.sort();
        assert_eq!(targets, TARGETS.map(|(name, _)| name));
    }
}
