//! The directory in which the demo's unions have their homes.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use huiliu_node::clock;
use huiliu_proto::{id::hex, lang::Lang};

use super::DemoOptions;

/// Where the homes are.
pub struct Place {
    pub dir: PathBuf,
    own: bool,
}

impl Place {
    pub fn choose(options: &DemoOptions) -> anyhow::Result<Place> {
        let Some(dir) = &options.dir else {
            let mut random = [0; 6];
            (clock::random())(&mut random);
            let dir = std::env::temp_dir().join(format!("huiliu-demo-{}", hex(&random)));
            fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
            return Ok(Place { dir, own: true });
        };
        fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let dir = std::path::absolute(dir)?;
        if fs::read_dir(&dir)?.next().is_some() {
            let why = options.lang.pick("不是空目录；请换一个", "is not empty; choose another directory");
            bail!("{} {why}", dir.display());
        }
        Ok(Place { dir, own: false })
    }

    /// Clears up. The stores' threads may still be closing their files.
    pub async fn leave(self, lang: Lang) {
        if !self.own {
            return;
        }
        for _ in 0..20 {
            if fs::remove_dir_all(&self.dir).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!("{}{}", lang.pick("请自行删除：", "please delete "), self.dir.display());
    }
}
