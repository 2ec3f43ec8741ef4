//! Makes the page's files ready to be served: comments and spaces gone, compressed as far as they go, once, at build.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

const FOLDER: &str = "web/assets";
const ENTRANCE: &str = "main.js";

fn main() {
    println!("cargo::rerun-if-changed={FOLDER}");
    let out = std::env::var("OUT_DIR").expect("cargo names a folder for what a build makes");
    let out = Path::new(&out);
    let mut names: Vec<_> = fs::read_dir(FOLDER)
        .expect("the page's files are there")
        .map(|entry| entry.expect("a folder can be read").file_name().into_string().expect("our names are plain"))
        .collect();
    names.sort();

    let mut files = String::new();
    for name in &names {
        let content = shortened(name);
        let kinds = [("plain", content.clone().into_bytes()), ("brotli", brotli(&content)), ("gzip", gzip(&content))];
        write!(files, "    Embedded {{ name: {name:?}").expect("a string takes everything");
        for (kind, bytes) in kinds {
            fs::write(out.join(format!("{name}.{kind}")), bytes).expect("the build's folder takes files");
            write!(files, ", {kind}: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.{kind}\"))")
                .expect("a string takes everything");
        }
        files.push_str(" },\n");
    }
    let modules: Vec<_> = loaded_with(ENTRANCE).into_iter().collect();
    let list = format!("const FILES: &[Embedded] = &[\n{files}];\nconst MODULES: &[&str] = &{modules:?};\n");
    fs::write(out.join("assets.rs"), list).expect("the build's folder takes files");
}

/// Reads a file without what only its authors need.
fn shortened(name: &str) -> String {
    let content = fs::read_to_string(Path::new(FOLDER).join(name)).expect("the page's files are text");
    match name.rsplit_once('.') {
        Some((_, "js")) => minifier::js::minify(&content).expect("the page's scripts are well-formed").to_string(),
        Some((_, "css")) => minifier::css::minify(&content).expect("the page's styles are well-formed").to_string(),
        _ => content,
    }
}

/// Names every module that comes with `entrance`: what it imports, what those import, and so on. What is imported only when it
/// is wanted (`import('./it.js')`) is not among them.
fn loaded_with(entrance: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![entrance.to_owned()];
    while let Some(name) = waiting.pop() {
        let content = shortened(&name);
        waiting.extend(content.split("from'./").skip(1).filter_map(|rest| {
            let (imported, _) = rest.split_once('\'')?;
            found.insert(imported.to_owned()).then(|| imported.to_owned())
        }));
    }
    found
}

fn brotli(content: &str) -> Vec<u8> {
    let settings = brotli::enc::BrotliEncoderParams {
        quality: 11,
        mode: brotli::enc::backward_references::BrotliEncoderMode::BROTLI_MODE_TEXT,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut content.as_bytes(), &mut compressed, &settings).expect("memory takes everything");
    compressed
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content.as_bytes()).and_then(|()| encoder.finish()).expect("memory takes everything")
}
