//! A virtual screen with the meter's window on it, and what is to be seen there.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, PropMode,
};
use x11rb::wrapper::ConnectionExt as _;

/// How long anything here may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Ends a program when the test does.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A virtual screen.
pub struct Screen {
    _server: Ends,
    /// Its name, as in `DISPLAY`.
    pub display: String,
}

/// A picture of the screen: red, green and blue of each place.
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<[u8; 3]>,
}

impl Pixels {
    /// One place.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        self.rgb[y * self.width + x]
    }

    /// How many colours there are.
    pub fn colours(&self) -> usize {
        self.rgb.iter().collect::<std::collections::HashSet<_>>().len()
    }
}

impl Screen {
    /// A screen of this size, or why there is none. Of two pixels a point where `scale` is 2.
    pub fn open(width: usize, height: usize, scale: u32) -> Result<Self, String> {
        if let Some(missing) = ["Xvfb", "import"].into_iter().find(|program| !has(program)) {
            return Err(format!("there is no {missing} (packages xvfb and imagemagick)"));
        }
        let mut server = Command::new("Xvfb");
        // Without the last it would start anew, and forget its resources, when its last client goes.
        server.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0"]);
        server.arg(format!("{width}x{height}x24"));
        let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let screen = Self { _server: Ends(server), display: format!(":{}", number.trim()) };
        let (connection, _) = x11rb::connect(Some(&screen.display)).unwrap();
        let root = connection.setup().roots[0].root;
        let resources = format!("Xft.dpi:\t{}\n", 96 * scale);
        let (name, kind) = (AtomEnum::RESOURCE_MANAGER, AtomEnum::STRING);
        connection
            .change_property8(PropMode::REPLACE, root, name, kind, resources.as_bytes())
            .unwrap();
        connection.sync().unwrap();
        Ok(screen)
    }

    /// What is on it now.
    pub fn pixels(&self) -> Pixels {
        let (connection, _) = x11rb::connect(Some(&self.display)).unwrap();
        let root = &connection.setup().roots[0];
        let (width, height) = (root.width_in_pixels, root.height_in_pixels);
        let format = x11rb::protocol::xproto::ImageFormat::Z_PIXMAP;
        let image = connection.get_image(format, root.root, 0, 0, width, height, u32::MAX);
        let image = image.unwrap().reply().unwrap().data;
        let rgb = image.chunks_exact(4).map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        Pixels { width: width.into(), height: height.into(), rgb }
    }

    /// What is on it now, as a file.
    pub fn picture(&self, path: &Path) {
        let mut import = Command::new("import");
        import.args(["-window", "root"]).arg(path).env("DISPLAY", &self.display);
        crate::common::stdout_of(&mut import);
    }

    /// Asks all windows to close, as their title bars' button does.
    pub fn close_windows(&self) {
        let (connection, _) = x11rb::connect(Some(&self.display)).unwrap();
        let atom = |name: &str| {
            connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
        };
        let (protocols, close) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
        let root = connection.setup().roots[0].root;
        for window in connection.query_tree(root).unwrap().reply().unwrap().children {
            let event = ClientMessageEvent::new(32, window, protocols, [close, 0, 0, 0, 0]);
            connection.send_event(false, window, EventMask::NO_EVENT, event).unwrap();
        }
        connection.sync().unwrap();
    }

    /// The meter's program, whose window opens here.
    pub fn program(&self) -> Command {
        let mut meter = crate::common::program("earworm-meter");
        meter.env("DISPLAY", &self.display).env("LIBGL_ALWAYS_SOFTWARE", "1");
        meter.env_remove("WAYLAND_DISPLAY");
        meter
    }

    /// The meter's window, playing the demo song, and the readings that it prints.
    pub fn meter(&self, options: &[&str]) -> (Ends, Receiver<Value>) {
        self.meter_with(options, None)
    }

    /// The same with a variable of its environment set.
    pub fn meter_with(
        &self,
        options: &[&str],
        variable: Option<(&str, &str)>,
    ) -> (Ends, Receiver<Value>) {
        let mut meter = self.program();
        meter.arg("--file").arg(crate::common::in_checkout("demo/demo.ogg"));
        meter.arg("--print").args(options).envs(variable);
        let mut meter = meter.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(meter.stdout.take().unwrap()).lines();
        let (send, receive) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(serde_json::from_str(&line).unwrap());
            }
        });
        (Ends(meter), receive)
    }
}

/// The next reading.
pub fn next(readings: &Receiver<Value>) -> Value {
    readings.recv_timeout(PATIENCE).expect("the window's program prints readings")
}
