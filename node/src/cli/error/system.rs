//! What the operating system says, in words of its own list: it speaks English, and its sentences differ.

use std::io::{Error, ErrorKind};

use huiliu_proto::lang::Lang;

/// An error of the system. In English its own sentence.
pub fn words(error: &Error, lang: Lang) -> String {
    match lang {
        Lang::En => error.to_string(),
        Lang::Zh => chinese(error),
    }
}

/// Both languages of it.
pub fn both(error: &Error) -> (String, String) {
    (words(error, Lang::Zh), words(error, Lang::En))
}

/// Why a connection failed, in Chinese, from the text that is kept of it: the system's errors carry their number.
pub fn cause(text: &str) -> String {
    const NUMBER: &str = "(os error ";
    let number = text.rsplit_once(NUMBER).and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    match number {
        Some(number) => chinese(&Error::from_raw_os_error(number)),
        None if text.contains("no answer in time") => "没有应答".to_owned(),
        None if text.contains("no such name") || text.contains("lookup") => "找不到这个地址".to_owned(),
        None => "连接中断".to_owned(),
    }
}

fn chinese(error: &Error) -> String {
    let text = match error.kind() {
        ErrorKind::NotFound => "没有这个文件或目录",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::AlreadyExists => "已经存在",
        ErrorKind::NotADirectory => "不是目录",
        ErrorKind::IsADirectory => "是目录，不是文件",
        ErrorKind::DirectoryNotEmpty => "目录不是空的",
        ErrorKind::ReadOnlyFilesystem => "磁盘只能读取",
        ErrorKind::StorageFull => "磁盘已满",
        ErrorKind::QuotaExceeded => "超出磁盘配额",
        ErrorKind::FileTooLarge => "文件太大",
        ErrorKind::ResourceBusy => "正被占用",
        ErrorKind::InvalidFilename => "文件名不对",
        ErrorKind::UnexpectedEof => "文件不完整",
        ErrorKind::InvalidData => "内容不是文字（UTF-8）",
        ErrorKind::InvalidInput => "路径或参数不对",
        ErrorKind::WriteZero => "写不进去",
        ErrorKind::OutOfMemory => "内存不足",
        ErrorKind::Interrupted => "被中断",
        ErrorKind::TimedOut => "没有应答",
        ErrorKind::ConnectionRefused => "对方没有运行，或端口不对",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "连接被对方中断",
        ErrorKind::NotConnected => "没有连接",
        ErrorKind::BrokenPipe => "对方已关闭",
        ErrorKind::HostUnreachable => "找不到对方的机器",
        ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "未联网",
        ErrorKind::AddrInUse => "地址已被另一个程序占用",
        ErrorKind::AddrNotAvailable => "本机没有这个地址",
        ErrorKind::Unsupported => "系统不支持",
        _ => match error.raw_os_error() {
            // These have no kind of their own: EIO, EMFILE, ENFILE.
            Some(5) if cfg!(unix) => "磁盘读写出错",
            Some(23 | 24) if cfg!(unix) => "打开的文件太多",
            Some(number) => return format!("系统错误 {number}"),
            None => "系统错误",
        },
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn every_common_error_is_chinese_in_chinese() {
        for number in [1, 2, 5, 13, 16, 17, 20, 21, 23, 24, 28, 30, 32, 36, 98, 99, 101, 104, 110, 111, 113, 122] {
            let text = words(&Error::from_raw_os_error(number), Lang::Zh);
            assert!(!text.bytes().any(|b| b.is_ascii_alphabetic()) && !text.contains("系统错误"), "{number}: {text}");
            assert_eq!(cause(&format!("tcp connect error: said in English (os error {number})")), text);
        }
        assert_eq!(cause("no answer in time"), "没有应答");
        assert_eq!(words(&Error::from_raw_os_error(4095), Lang::Zh), "系统错误 4095");
        assert!(words(&Error::from_raw_os_error(2), Lang::En).contains("No such file"));
    }
}
