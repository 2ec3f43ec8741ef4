//! Embeds the schema anew whenever a file of it changes.

fn main() {
    println!("cargo:rerun-if-changed=sql");
}
