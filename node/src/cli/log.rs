//! The log as it is written: one event, one line, and nothing in it that a terminal obeys.

use std::io::{Result, Write};

use huiliu_proto::shown;

/// Takes each event whole, as the subscriber writes it, and passes it on with what a peer wrote in it made safe.
pub struct Lines<W>(pub W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        self.0.write_all(format!("{}{end}", shown::line(text)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().expect("nobody panicked").write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_and_obeys_nobody() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time();
        let subscriber = subscriber.with_writer(move || Lines(writer.clone())).compact().finish();
        tracing::subscriber::with_default(subscriber, || {
            let said = "\u{1b}[2J\u{202e}\u{9b}1m\nWARN all is well";
            tracing::warn!(said, why = %said, "the hub said {said}");
            tracing::warn!("the next");
        });
        let text = String::from_utf8(kept.0.lock().expect("nobody panicked").clone()).expect("text");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text}");
    }
}
