//! Makes the kind of `added/` as `proto/build.rs` makes those of `proto`, for `tests/added_kind.rs`.

#[path = "../proto/build/handles.rs"]
mod handles;

use std::{env, error::Error, fs, path::Path, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    for read in ["added", "../proto/build", "../proto/huiliu/v1/options.proto"] {
        println!("cargo:rerun-if-changed={read}");
    }
    let mut compiler = protox::Compiler::new(["added", "../proto"])?;
    compiler.include_imports(true).open_file("patrol.proto")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let pool = compiler.descriptor_pool();
    let kinds = handles::kinds(&pool, &|file| file == "patrol.proto")?;
    fs::write(out.join("handles.rs"), handles::write(&pool, &kinds, &handles::rooms(Path::new("added"), &kinds)?)?)?;
    let mut set = compiler.file_descriptor_set();
    set.file.retain(|file| file.name() == "patrol.proto");
    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    config.compile_fds(set)?;
    Ok(())
}
