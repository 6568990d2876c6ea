//! Dragging a file onto the meter's window, as file managers do (XDND, version 5).

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A time as servers have them; any will do, as long as it is the same throughout.
const TIME: u32 = 1;

fn atom(connection: &RustConnection, name: &str) -> Atom {
    connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
}

/// A child of the screen that takes drops.
fn target(connection: &RustConnection) -> Window {
    let aware = atom(connection, "XdndAware");
    let root = connection.setup().roots[0].root;
    let until = Instant::now() + PATIENCE;
    loop {
        for window in connection.query_tree(root).unwrap().reply().unwrap().children {
            let property = connection.get_property(false, window, aware, AtomEnum::ANY, 0, 1);
            if property.unwrap().reply().is_ok_and(|property| property.value_len > 0) {
                return window;
            }
        }
        assert!(Instant::now() < until, "no window takes drops");
    }
}

/// Drops it, and waits until the window has taken it.
pub(crate) fn drop_file(display: &str, file: &Path) {
    let (connection, _) = x11rb::connect(Some(display)).unwrap();
    let named = |name: &str| atom(&connection, name);
    let (selection, uri_list, copy) =
        (named("XdndSelection"), named("text/uri-list"), named("XdndActionCopy"));
    let (status, finished) = (named("XdndStatus"), named("XdndFinished"));
    let target = target(&connection);
    let source = connection.generate_id().unwrap();
    let root = connection.setup().roots[0].root;
    let looks = CreateWindowAux::new();
    connection
        .create_window(0, source, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &looks)
        .unwrap();
    connection.set_selection_owner(source, selection, x11rb::CURRENT_TIME).unwrap();
    let send = |name: &str, data: [u32; 5]| {
        let event = ClientMessageEvent::new(32, target, named(name), data);
        connection.send_event(false, target, EventMask::NO_EVENT, event).unwrap();
        connection.flush().unwrap();
    };
    send("XdndEnter", [source, 5 << 24, uri_list, 0, 0]);
    send("XdndPosition", [source, 0, 300 << 16 | 300, TIME, copy]);
    let until = Instant::now() + PATIENCE;
    let mut dropped = false;
    loop {
        assert!(Instant::now() < until, "the window does not answer");
        let Some(event) = connection.poll_for_event().unwrap() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        match event {
            Event::SelectionRequest(request) => {
                let uri = format!("file://{}\r\n", file.display());
                let (to, property) = (request.requestor, request.property);
                let kind = request.target;
                connection
                    .change_property8(PropMode::REPLACE, to, property, kind, uri.as_bytes())
                    .unwrap();
                let answer = SelectionNotifyEvent {
                    response_type: SELECTION_NOTIFY_EVENT,
                    sequence: 0,
                    time: request.time,
                    requestor: to,
                    selection: request.selection,
                    target: kind,
                    property,
                };
                connection.send_event(false, to, EventMask::NO_EVENT, answer).unwrap();
                connection.flush().unwrap();
            }
            Event::ClientMessage(message) if message.type_ == status && !dropped => {
                assert_eq!(message.data.as_data32()[1] & 1, 1, "the window takes no files");
                send("XdndDrop", [source, 0, TIME, 0, 0]);
                dropped = true;
            }
            Event::ClientMessage(message) if message.type_ == finished => return,
            _ => {}
        }
    }
}
