//! Makes the page's files ready to be served: modules joined, names shortened, comments and spaces gone, compressed as far as they go,
//! once, at build.

#[path = "build/join.rs"]
mod join;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_minifier::{Minifier, MinifierOptions};
use oxc_parser::Parser;
use oxc_span::SourceType;

const FOLDER: &str = "assets";
const ENTRANCE: &str = "main.js";
/// What other sites load; it stands by itself.
const EMBED: &str = "embed.js";
/// How the names of catalogues begin: words have nothing to shorten, and a test reads them as they are written.
const WORDS: &str = "words-";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={FOLDER}");
    let out = std::env::var("OUT_DIR").expect("cargo names a folder for what a build makes");
    let out = Path::new(&out);

    let mut list = String::from("const FILES: &[Embedded] = &[\n");
    for (name, content) in files() {
        let content = shortened(&name, content);
        let kinds = [("plain", content.clone().into_bytes()), ("brotli", brotli(&content)), ("gzip", gzip(&content))];
        write!(list, "    Embedded {{ name: {name:?}").expect("a string takes everything");
        for (kind, bytes) in kinds {
            fs::write(out.join(format!("{name}.{kind}")), bytes).expect("the build's folder takes files");
            write!(list, ", {kind}: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.{kind}\"))")
                .expect("a string takes everything");
        }
        list.push_str(" },\n");
    }
    list.push_str("];\n");
    fs::write(out.join("assets.rs"), list).expect("the build's folder takes files");
}

/// Reads the page's files, in the order of their names, its modules joined.
fn files() -> BTreeMap<String, String> {
    let read = fs::read_dir(FOLDER).expect("the page's files are there").map(|entry| {
        let entry = entry.expect("a folder can be read");
        let content = fs::read_to_string(entry.path()).expect("the page's files are text");
        (entry.file_name().into_string().expect("our names are plain"), content)
    });
    let is_module = |name: &str| name != EMBED && Path::new(name).extension().is_some_and(|kind| kind == "js");
    let (modules, mut files): (BTreeMap<_, _>, BTreeMap<_, _>) = read.partition(|(name, _)| is_module(name));
    files.extend(join::join(&modules, ENTRANCE).expect("the page's modules can be joined"));
    files
}

/// Takes out of a file what only its authors need.
fn shortened(name: &str, content: String) -> String {
    match name.rsplit_once('.') {
        Some((_, "js")) if name.starts_with(WORDS) => {
            minifier::js::minify(&content).expect("the page's words are well-formed").to_string()
        }
        Some((_, "js")) => with_short_names(name, &content),
        Some((_, "css")) => minifier::css::minify(&content).expect("the page's styles are well-formed").to_string(),
        _ => content,
    }
}

/// Writes a script as a browser needs it: short names for what nothing outside of it names.
fn with_short_names(name: &str, content: &str) -> String {
    let allocator = Allocator::default();
    let kind = if name == EMBED { SourceType::script() } else { SourceType::mjs() };
    let parsed = Parser::new(&allocator, content, kind).parse();
    assert!(parsed.diagnostics.is_empty(), "{name} is not well-formed: {:?}", parsed.diagnostics);
    let mut program = parsed.program;
    let minified = Minifier::new(MinifierOptions::default()).minify(&allocator, &mut program);
    let writer = Codegen::new().with_options(CodegenOptions::minify()).with_scoping(minified.scoping);
    writer.with_private_member_mappings(minified.class_private_mappings).build(&program).code
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
