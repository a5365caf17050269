//! The code of a function that `setup` creates: a small handler that shows that it runs.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const CODE: &str = include_str!("starter/index.mjs");

/// The deployment package, the same bytes on every run.
///
/// # Errors
///
/// The archive cannot be written, which in memory does not happen.
pub(super) fn package() -> Result<Vec<u8>, zip::result::ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::DEFAULT
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644);
    archive.start_file("index.mjs", options)?;
    archive.write_all(CODE.as_bytes())?;
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    #[test]
    fn the_package_holds_the_handler() {
        let package = super::package().unwrap();
        assert_eq!(package, super::package().unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(package)).unwrap();
        let mut code = String::new();
        archive.by_name("index.mjs").unwrap().read_to_string(&mut code).unwrap();
        assert!(code.contains("export const handler"));
    }
}
