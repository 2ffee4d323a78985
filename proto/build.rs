//! Compiles the `.proto` files with protox, so that no `protoc` is needed, and keeps the descriptors for run time. Makes
//! the typed handles of all kinds, and finds the rooms: a kind with rules or measures has a file in `src/records`.

#[path = "build/handles.rs"]
mod handles;

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    for read in ["huiliu", "src/records", "build"] {
        println!("cargo:rerun-if-changed={read}");
    }
    let mut files = vec![];
    for dir in ["huiliu/v1", "huiliu/v1/records"] {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).open_files(&files)?;
    let set = compiler.file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // As protox encodes them: prost's types would drop our options.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let pool = compiler.descriptor_pool();
    let kinds = handles::kinds(&pool, &|_| true)?;
    fs::write(
        out.join("handles.rs"),
        handles::write(&pool, &kinds, &handles::rooms(Path::new("src/records"), &kinds)?)?,
    )?;
    let mut config = prost_build::Config::new();
    config.bytes(["."]);
    // `Debug` as prost writes it would show what people wrote; src/hidden.rs has another for what travels.
    let records = set.file.iter().filter(|file| file.name().starts_with("huiliu/v1/records/"));
    let records = records.flat_map(|file| &file.message_type).map(|message| message.name());
    let hidden = records.chain(["Operation", "Put", "Batch", "Void"]).map(|name| format!(".huiliu.v1.{name}"));
    config.skip_debug(hidden.collect::<Vec<_>>());
    tonic_prost_build::configure().compile_fds_with_config(set, config)?;
    Ok(())
}
