//! `dataset fetch` against a server on this machine that does all that servers do.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use earworm_train::dataset::fetch::{FetchOptions, Fetched, LOG, fetch};

#[cfg(unix)]
#[path = "common/skip.rs"]
mod skip;

/// A server that counts what it is asked for.
struct Server {
    address: String,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let counts = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = counts.clone();
                std::thread::spawn(move || answer(stream, &counts));
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

fn wav() -> Vec<u8> {
    let mut bytes = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(8000u32.to_le_bytes());
    bytes.extend(16_000u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data\x08\0\0\0\0\0\0\0\0\0\0\0");
    bytes
}

/// One request, one answer.
fn answer(mut stream: TcpStream, counts: &Mutex<HashMap<String, usize>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else { return };
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let count = {
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(path.clone()).or_default();
        *count += 1;
        *count
    };
    let sound = wav();
    let head = |status: &str, kind: &str, length: u64| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let ok = |kind: &str, body: &[u8]| {
        [head("200 OK", kind, body.len() as u64).as_bytes(), body].concat()
    };
    let moved = |to: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: /{to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    let whole = match path.as_str() {
        "ok.wav" | "second.wav" | "third.wav" => ok("audio/wav", &sound),
        "unknown" => ok("application/octet-stream", &sound),
        "moved" => moved("ok.wav"),
        "loop" => moved("loop"),
        "page" => ok("text/html", b"<html>not found</html>"),
        "lie.mp3" => ok("audio/mpeg", b"<html>please log in</html>"),
        "empty" => ok("audio/wav", b""),
        "gone" => head("404 Not Found", "text/plain", 0).into_bytes(),
        "flaky" if count == 1 => head("503 Service Unavailable", "text/plain", 0).into_bytes(),
        "flaky" => ok("audio/wav", &sound),
        "broken" => head("500 Internal Server Error", "text/plain", 0).into_bytes(),
        path if path.starts_with("long") => ok("audio/wav", &[sound, vec![0; 50_000]].concat()),
        "huge" => head("200 OK", "audio/wav", 10_000_000_000).into_bytes(),
        "cut" => [head("200 OK", "audio/wav", 1000).as_bytes(), &sound].concat(),
        "endless" => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nConnection: close\r\n\r\n";
            let mut written = stream.write_all(head.as_bytes()).and(stream.write_all(&sound));
            // Until the other side has had enough.
            while written.is_ok() {
                written = stream.write_all(&[0; 4096]);
            }
            return;
        }
        _ => head("400 Bad Request", "text/plain", 0).into_bytes(),
    };
    let _ = stream.write_all(&whole);
}

fn options(folder: &Path, rows: &[(String, String)]) -> FetchOptions {
    let manifest = folder.join("manifest.csv");
    let rows = rows.iter().map(|(file, url)| format!("{file},{url}\n"));
    let text = "file,url\n".to_owned() + &rows.collect::<String>();
    std::fs::write(&manifest, text).unwrap();
    FetchOptions {
        manifest,
        out: folder.join("audio"),
        rate: 1000.0,
        most_bytes: 100_000,
        pause: Duration::from_millis(1),
        timeout: Duration::from_secs(20),
        ..FetchOptions::default()
    }
}

fn log(folder: &Path) -> HashMap<String, Fetched> {
    let text = std::fs::read_to_string(folder.join("audio").join(LOG)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Fetched>(line).unwrap());
    lines.map(|fetched| (fetched.file.clone(), fetched)).collect()
}

#[test]
fn what_servers_do_is_survived_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    // A port that nobody listens at.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = ["ok.wav", "unknown", "moved", "flaky"];
    let bad = [
        ("loop", "redirected"),
        ("page", "text/html"),
        ("lie.mp3", "does not begin like"),
        ("empty", "empty"),
        ("gone", "404"),
        ("broken", "500"),
        ("huge", "10000000000 bytes"),
        ("cut", "broke off"),
        ("endless", "more than 100000 bytes"),
    ];
    let mut rows: Vec<(String, String)> = good
        .iter()
        .chain(bad.iter().map(|(name, _)| name))
        .map(|name| (format!("songs/{name}"), server.url(name)))
        .collect();
    rows.push(("unreachable".into(), format!("http://{closed}/x.wav")));
    rows.push(("nonsense".into(), "no url".into()));
    rows.push(("ftp".into(), "ftp://127.0.0.1/x.wav".into()));
    let options = options(dir.path(), &rows);
    let report = fetch(&options).unwrap();
    assert_eq!((report.fetched, report.kept), (good.len(), 0), "{report}");
    assert_eq!(report.failed.len(), bad.len() + 3, "{report}");
    let log = log(dir.path());
    for (name, reason) in bad {
        let told = log[&format!("songs/{name}")].failed.as_deref().unwrap();
        assert!(told.contains(reason), "{name}: {told}");
    }
    assert!(log["unreachable"].failed.is_some() && log["nonsense"].failed.is_some());
    assert!(log["ftp"].failed.as_deref().unwrap().contains("http"));
    for name in good {
        let path = options.out.join("songs").join(name);
        assert_eq!(std::fs::read(path).unwrap(), wav(), "{name}");
        assert_eq!(log[&format!("songs/{name}")].bytes, Some(wav().len() as u64));
    }
    assert!(log["songs/moved"].from.as_deref().unwrap().ends_with("ok.wav"));
    // Only what may pass is tried again.
    assert_eq!((log["songs/flaky"].tries, log["songs/broken"].tries), (2, 3));
    assert_eq!((server.asked("gone"), server.asked("page"), server.asked("huge")), (1, 1, 1));
    // Nothing half is left.
    let files = std::fs::read_dir(options.out.join("songs")).unwrap().count();
    assert_eq!(files, good.len());

    // What is there is not asked for again, what failed is.
    let (ok, gone) = (server.asked("ok.wav"), server.asked("gone"));
    let report = fetch(&options).unwrap();
    assert_eq!((report.fetched, report.kept), (0, good.len()), "{report}");
    assert_eq!((server.asked("ok.wav"), server.asked("gone")), (ok, gone + 1));
}

/// The first file that cannot be written ends the fetch: the others could not be written, either.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_it() {
    use std::process::Command;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let rows: Vec<_> =
        (0..20).map(|n| (format!("{n}.wav"), server.url(&format!("long{n}")))).collect();
    let options = options(dir.path(), &rows);
    let fetch = |blocks: &str| {
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        Command::new("bash")
            .args(["-c", &line, "limited", env!("CARGO_BIN_EXE_earworm-train")])
            .args(["dataset", "fetch", "--jobs", "1", "--rate", "1000", "--manifest"])
            .arg(&options.manifest)
            .arg("--out")
            .arg(&options.out)
            .output()
    };
    let asked = || (0..20).map(|n| server.asked(&format!("long{n}"))).sum::<usize>();
    let Ok(output) = fetch("8") else {
        skip::skip("a_full_disk_ends_it", "no bash that limits file sizes");
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot write") && text.contains("run the same command again"), "{text}");
    assert_eq!((text.trim_end().lines().count(), asked()), (1, 1), "{text}");
    let output = fetch("unlimited").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(asked(), 21);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            std::fs::metadata(options.out.join(name)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("3.wav"), mode(LOG), "as the umask has it");
    }
}

#[test]
fn what_a_killed_fetch_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let options = options(dir.path(), &[("songs/ok.wav".into(), server.url("ok.wav"))]);
    let folder = options.out.join("songs");
    std::fs::create_dir_all(&folder).unwrap();
    for name in [".writing-x1y2.wav", "kept.wav"] {
        std::fs::write(folder.join(name), b"RIFF").unwrap();
    }
    assert_eq!(fetch(&options).unwrap().fetched, 1);
    let mut left: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["kept.wav", "ok.wav"]);
}

/// `find .` writes `./` before each file, and `dataset build` takes that.
#[test]
fn a_file_in_this_folder_is_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let options = options(dir.path(), &[("./songs/ok.wav".into(), server.url("ok.wav"))]);
    assert_eq!(fetch(&options).unwrap().fetched, 1);
    assert!(options.out.join("songs/ok.wav").is_file());
    assert_eq!(fetch(&options).unwrap().kept, 1);
}

#[test]
fn two_fetches_into_one_folder_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &[]);
    std::fs::write(&options.manifest, "file,url\nx,y\n").unwrap();
    std::fs::create_dir_all(&options.out).unwrap();
    let log = std::fs::File::create(options.out.join(LOG)).unwrap();
    log.lock().unwrap();
    assert!(format!("{:#}", fetch(&options).unwrap_err()).contains("another fetch"));
    drop(log);
    assert_eq!(fetch(&options).unwrap().failed.len(), 1);
}

#[test]
fn requests_to_a_host_keep_their_distance() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    let rows = ["ok.wav", "second.wav", "third.wav"];
    let rows: Vec<_> = rows.iter().map(|n| ((*n).to_owned(), server.url(n))).collect();
    let options = FetchOptions { rate: 10.0, ..options(dir.path(), &rows) };
    let begun = Instant::now();
    assert_eq!(fetch(&options).unwrap().fetched, 3);
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[test]
fn manifests_that_cannot_be_used_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |rows: &[(&str, &str)]| {
        let rows: Vec<_> = rows.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        format!("{:#}", fetch(&options(dir.path(), &rows)).unwrap_err())
    };
    assert!(refused(&[("../x.wav", "http://127.0.0.1/")]).contains("outside the folder"));
    assert!(refused(&[("/etc/x.wav", "http://127.0.0.1/")]).contains("outside the folder"));
    assert!(refused(&[("./../x.wav", "http://127.0.0.1/")]).contains("outside the folder"));
    assert!(refused(&[("a", "http://a/"), ("a", "http://b/")]).contains("rows 1 and 2"));
    assert!(refused(&[("a", "http://a/"), (" ./a ", "http://b/")]).contains("rows 1 and 2"));
    assert!(refused(&[("./", "http://a/")]).contains("names no file"));
    assert!(refused(&[("", "http://a/")]).contains("names no file"));
    let slow = FetchOptions { rate: 1e-20, ..options(dir.path(), &[]) };
    assert!(format!("{:#}", fetch(&slow).unwrap_err()).contains("--rate"));
    let options = FetchOptions { url: "link".into(), ..options(dir.path(), &[]) };
    std::fs::write(&options.manifest, "file,url\nx,y\n").unwrap();
    assert!(format!("{:#}", fetch(&options).unwrap_err()).contains("\"link\""));
}
