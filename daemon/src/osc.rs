//! Readings as OSC messages, for show control, visuals and whatever else speaks it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;
use earworm_scorer::{Reading, Status};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

use crate::station::Station;

/// How often a reading is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends the station's readings to `to` as long as the station is there, also while `to` cannot be
/// reached: there may be a network later.
///
/// # Errors
/// When nothing can be sent at all.
pub(crate) fn start(station: &Arc<Station>, to: SocketAddr) -> anyhow::Result<()> {
    let mut sender = Sender::new(to)?;
    let station = Arc::downgrade(station);
    let send = move || run(&station, &mut sender);
    std::thread::Builder::new().name("earworm-osc".into()).spawn(send)?;
    Ok(())
}

/// Sends to one address, and knows whether it could the last time.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    fails: bool,
}

/// What is different from the packet before.
#[derive(Debug)]
enum Change {
    /// It can be sent no more.
    Fails(io::Error),
    /// It can be sent again.
    Works,
}

impl Sender {
    fn new(to: SocketAddr) -> anyhow::Result<Self> {
        let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        // Not connected: that takes a network at once, and keeps the address that this computer has
        // then, from which nothing can be sent any more once it has another one.
        let socket = UdpSocket::bind(any).context("cannot send OSC messages")?;
        Ok(Self { socket, to, fails: false })
    }

    fn send(&mut self, packet: &[u8]) -> Option<Change> {
        let result = self.socket.send_to(packet, self.to);
        let failed = std::mem::replace(&mut self.fails, result.is_err());
        match result {
            Err(error) if !failed => Some(Change::Fails(error)),
            Ok(_) if failed => Some(Change::Works),
            _ => None,
        }
    }
}

fn run(station: &Weak<Station>, sender: &mut Sender) {
    let mut sent = 0;
    while let Some(station) = station.upgrade() {
        sent = send_new(&station, sender, sent);
        drop(station);
        std::thread::sleep(INTERVAL);
    }
}

/// Sends the latest reading, unless it is number `sent`; gives its number.
fn send_new(station: &Station, sender: &mut Sender, sent: u64) -> u64 {
    let meter = station.meter();
    let latest = meter.readings();
    if latest != sent
        && let Ok(packet) = rosc::encoder::encode(&packet(&meter.reading()))
    {
        // What is lost is not sent again: the next one comes soon.
        match sender.send(&packet) {
            Some(Change::Fails(error)) => {
                tracing::warn!("cannot send OSC messages to {} now: {error}", sender.to);
            }
            Some(Change::Works) => tracing::info!("OSC messages are sent again"),
            None => {}
        }
    }
    latest
}

/// One bundle for a reading; what has no value is left out. While the status is `listening`, momentary
/// is a first impression.
fn packet(reading: &Reading) -> OscPacket {
    let status = match reading.status {
        Status::Listening => "listening",
        Status::Silence => "silence",
        Status::Scoring => "scoring",
    };
    let mut content = vec![
        message("status", vec![OscType::String(status.into())]),
        message("level", vec![OscType::Float(reading.level_db)]),
        message("coverage", vec![OscType::Float(reading.coverage)]),
    ];
    for (name, score) in [
        ("momentary", reading.momentary),
        ("window", reading.window),
        ("integrated", reading.integrated),
    ] {
        content.extend(score.map(|score| message(name, vec![OscType::Float(score)])));
    }
    if let Some(hook) = reading.hook {
        let numbers = [hook.score, hook.start_s as f32, hook.end_s as f32];
        content.push(message("hook", numbers.map(OscType::Float).to_vec()));
    }
    // "Immediately".
    let timetag = OscTime { seconds: 0, fractional: 1 };
    OscPacket::Bundle(OscBundle { timetag, content })
}

fn message(name: &str, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: format!("/earworm/{name}"), args })
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;
    use earworm_scorer::live::{Tap, Worker};

    use super::*;
    use crate::distinct;

    /// Refused, whatever networks there are: who sends to all must have said so.
    const UNREACHABLE: &str = "255.255.255.255:9";

    fn receiver() -> UdpSocket {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        receiver
    }

    /// So many seconds of noise come in and are scored.
    fn hear(tap: &mut Tap, seconds: u32) {
        let second: Vec<f32> = (0..48_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5)
            .collect();
        for _ in 0..seconds {
            tap.push_interleaved(&second, 1);
            Worker::shared().drain();
        }
    }

    /// The next packet, which must come.
    fn received(receiver: &UdpSocket) -> OscPacket {
        let mut bytes = [0; 2048];
        let length = receiver.recv(&mut bytes).unwrap();
        rosc::decoder::decode_udp(&bytes[..length]).unwrap().1
    }

    #[test]
    fn it_starts_without_a_network_and_goes_on_with_one() {
        let (station, mut tap) = Station::new(Model::embedded(), 48_000).unwrap();
        start(&station, UNREACHABLE.parse().unwrap()).unwrap();
        // The same without its thread.
        let mut sender = Sender::new(UNREACHABLE.parse().unwrap()).unwrap();
        hear(&mut tap, 1);
        let first = send_new(&station, &mut sender, 0);
        assert!(first > 0 && sender.fails, "number {first}");
        // As if there were one now.
        let receiver = receiver();
        sender.to = receiver.local_addr().unwrap();
        assert_eq!(send_new(&station, &mut sender, first), first);
        assert!(sender.fails, "the same again is not sent");
        hear(&mut tap, 1);
        assert!(send_new(&station, &mut sender, first) > first);
        assert!(!sender.fails);
        assert_eq!(received(&receiver), packet(&station.meter().reading()));
    }

    #[test]
    fn a_network_that_goes_and_comes_back_is_told_once() {
        let receiver = receiver();
        let mut sender = Sender::new(UNREACHABLE.parse().unwrap()).unwrap();
        let change = sender.send(b"lost");
        assert!(matches!(change, Some(Change::Fails(_))), "{change:?}");
        let change = sender.send(b"lost as well");
        assert!(change.is_none(), "{change:?}");
        // As if it were back.
        sender.to = receiver.local_addr().unwrap();
        let change = sender.send(b"first");
        assert!(matches!(change, Some(Change::Works)), "{change:?}");
        let change = sender.send(b"second");
        assert!(change.is_none(), "{change:?}");
        for expected in ["first", "second"] {
            let mut bytes = [0; 64];
            let count = receiver.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], expected.as_bytes());
        }
        let own = sender.socket.local_addr().unwrap().ip();
        assert!(own.is_unspecified(), "an address of this computer's may change: {own}");
    }

    #[test]
    fn readings_arrive() {
        let receiver = receiver();
        let (station, mut tap) = Station::new(Model::embedded(), 48_000).unwrap();
        start(&station, receiver.local_addr().unwrap()).unwrap();
        hear(&mut tap, 20);
        let last = station.meter().reading();
        assert_eq!(last.status, Status::Scoring);
        assert!(last.momentary.is_some() && last.window.is_some() && last.integrated.is_some());
        // Earlier ones may come before it.
        while received(&receiver) != packet(&last) {}
    }

    #[test]
    fn each_value_is_in_the_message_of_its_name() {
        let OscPacket::Bundle(bundle) = packet(&distinct::reading()) else { panic!() };
        let mut expected = vec![
            message("status", vec![OscType::String("scoring".into())]),
            message("level", vec![OscType::Float(-7.0)]),
            message("coverage", vec![OscType::Float(0.5)]),
        ];
        let scores = distinct::SCORES;
        expected.extend(scores.map(|(name, score)| message(name, vec![OscType::Float(score)])));
        expected.push(message("hook", [55.0, 6.0, 36.0].map(OscType::Float).to_vec()));
        assert_eq!(bundle.content, expected);
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        let OscPacket::Bundle(bundle) = packet(&Reading::default()) else { panic!() };
        assert_eq!(bundle.content.len(), 3);
        let reading = Reading { window: Some(57.0), ..Reading::default() };
        let OscPacket::Bundle(bundle) = packet(&reading) else { panic!() };
        assert_eq!(bundle.content[3], message("window", vec![OscType::Float(57.0)]));
    }
}
