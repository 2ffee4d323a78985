//! What a crash leaves behind: the place in the program, and nothing of what it held.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::Write as _,
    panic::PanicHookInfo,
};

use huiliu_proto::lang::Lang;

/// From here on a panic prints no data, and no image of this process's memory is written to a disk.
pub fn guard(lang: Lang) {
    #[cfg(unix)]
    if let Err(error) = rlimit::Resource::CORE.set(0, 0) {
        tracing::warn!(%error, "core files could not be switched off; a crash may write memory to the disk");
    }
    std::panic::set_hook(Box::new(move |panic| {
        let mut out = std::io::stderr().lock();
        // Where not even that can be written, the exit code still tells.
        let _ = writeln!(out, "{}", say(panic, lang));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            let _ = writeln!(out, "{trace}");
        }
    }));
}

/// A message that was put together at run time may hold a name or a number: text is cut in the middle of a character,
/// and the standard library quotes all of it. One that stands in the program as it is may be shown.
fn say(panic: &PanicHookInfo<'_>, lang: Lang) -> String {
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>().map_or_else(String::new, |text| format!(": {text}"));
    match lang {
        Lang::Zh => format!("程序缺陷，位于 {place}{message}\n请报告此位置；其中不含个人信息。已写入的数据不受影响。"),
        Lang::En => format!(
            "a defect of this program at {place}{message}\nplease report this place; it tells nothing personal. What was written is safe."
        ),
    }
}
