//! The jobs of the bench with dicom-rs: `peers [--timed] JOB SOURCE TARGET`.
//!
//! With `--timed` the job runs twice. Printed are the user seconds of the second run, and how many data sets failed.

use std::error::Error;
use std::fs::{read_dir, read_to_string, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use dicom_dump::DumpOptions;
use dicom_object::{open_file, FileMetaTableBuilder, InMemDicomObject};

type Failures = Result<usize, Box<dyn Error>>;

/// Read each line of NDJSON into an object.
fn read(source: &Path, _: &Path) -> Failures {
    let text = read_to_string(source)?;
    Ok(text.lines().filter(|line| dicom_json::from_str::<InMemDicomObject>(line).is_err()).count())
}

fn to_json(source: &Path, target: &Path) -> Failures {
    let file = BufWriter::new(File::create(target)?);
    dicom_json::to_writer(file, open_file(source)?.into_inner())?;
    Ok(0)
}

fn to_dicom(source: &Path, target: &Path) -> Failures {
    let object: InMemDicomObject = dicom_json::from_str(&read_to_string(source)?)?;
    let meta = FileMetaTableBuilder::new().transfer_syntax("1.2.840.10008.1.2.1");
    object.with_meta(meta)?.write_to_file(target)?;
    Ok(0)
}

fn show(source: &Path, target: &Path) -> Failures {
    DumpOptions::new().dump_file_to(BufWriter::new(File::create(target)?), &open_file(source)?)?;
    Ok(0)
}

/// Write all files of a folder as one array.
fn export(source: &Path, target: &Path) -> Failures {
    let mut file = BufWriter::new(File::create(target)?);
    for (number, path) in files(source)?.iter().enumerate() {
        file.write_all(if number == 0 { b"[" } else { b"," })?;
        dicom_json::to_writer(&mut file, open_file(path)?.into_inner())?;
    }
    file.write_all(b"]")?;
    Ok(0)
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn user_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: getrusage fills the structure, or returns an error, which the assertion refuses.
    let used = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init().ru_utime
    };
    used.tv_sec as f64 + used.tv_usec as f64 / 1e6
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_timed = arguments.first().is_some_and(|first| first == "--timed");
    if is_timed {
        arguments.remove(0);
    }
    let [name, source, target] = &arguments[..] else {
        return Err("usage: peers [--timed] JOB SOURCE TARGET".into());
    };
    let job = match name.as_str() {
        "read" => read,
        "to-json" => to_json,
        "to-dicom" => to_dicom,
        "show" => show,
        "export" => export,
        _ => return Err("unknown job".into()),
    };
    if is_timed {
        job(source.as_ref(), target.as_ref())?;
    }
    let start = user_seconds();
    let failures = job(source.as_ref(), target.as_ref())?;
    if is_timed {
        println!("{} {failures}", user_seconds() - start);
    }
    Ok(())
}
