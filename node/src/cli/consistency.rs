//! `consistency`: that one receipt's history goes on where another's ended. Two that contradict each other are evidence.

use std::path::{Path, PathBuf};

use anyhow::Result;
use huiliu_proto::{id::FeedId, lang::Lang, proof::Subject, signed::Receipt};
use serde_json::json;

use super::{
    Desk, check_proof,
    desk::Office,
    error::{Exit, Mistake, both},
    outfile, receipts,
};
use crate::{
    proof::{Made, Maker, ProvingError},
    store::{View, feeds, receipts as held},
};

#[derive(Debug, clap::Args)]
pub struct Consistency {
    /// A receipt: a file of `receipts export`, or a union whose latest one is held here
    old: String,
    /// The receipt to compare it with, likewise
    new: String,
    /// The feed, or the beginning of its id; needed where both are unions that hold several feeds
    #[arg(long, value_name = "FEED")]
    feed: Option<String>,
    /// File to write to; without it consistency-FEED-SIZE-SIZE.proof in this directory
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Consistency {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let root = office.home.root()?;
        let fingerprint = root.fingerprint();
        let (old, new) = self.receipts(desk, &office)?;
        let made = office.look(|conn| Ok(Maker::new(conn, root).growth(old, new)));
        let made = kept(&office, made?)?;
        let Subject::Growth { feed, older, newer } = &made.proven.subject else {
            return Err(ProvingError::Damaged(huiliu_proto::proof::ProofError::NoSubject).into());
        };
        let id = feed.to_string();
        let name = || format!("consistency-{}-{}-{}.proof", &id[..8], older.size, newer.size).into();
        let out = self.out.unwrap_or_else(name);
        outfile::write(&out, &made.file, self.force)?;
        let file = out.display().to_string();
        let told = |r: &Receipt| format!("{} {} {}", r.union.union_name(), r.size, desk.moment(r.received_at));
        desk.answer(
            || {
                let receipt = |r: &Receipt| {
                    json!({ "union": u64::from(r.union), "size": r.size, "received_at": r.received_at })
                };
                json!({
                    "file": file, "bytes": made.file.len(), "consistent": true, "feed": id,
                    "older": receipt(older), "newer": receipt(newer), "root": fingerprint.to_string(),
                })
            },
            || {
                let program = desk.program.name();
                match desk.lang {
                    Lang::Zh => format!(
                        "两份签收前后衔接、内容一致：{}；{}\n证明已写入：{file}\n任何机器上都可核对：{program} check-proof {file} --root {fingerprint}",
                        told(older),
                        told(newer)
                    ),
                    Lang::En => format!(
                        "both receipts speak of one history: {}; {}\nproof written to {file}\nto check it on any machine: {program} check-proof {file} --root {fingerprint}",
                        told(older),
                        told(newer)
                    ),
                }
            },
        )?;
        Ok(Exit::Done)
    }

    fn receipts(&self, desk: &Desk, office: &Office) -> Result<(Receipt, Receipt)> {
        let mut files = [None, None];
        for (typed, file) in [&self.old, &self.new].into_iter().zip(&mut files) {
            if Path::new(typed).is_file() {
                *file = Some(from_file(desk, Path::new(typed))?);
            }
        }
        let [old, new] = files;
        office.look(|conn| {
            let feed = match (&old, &new, &self.feed) {
                (Some(r), ..) | (_, Some(r), _) => r.feed,
                (.., Some(typed)) => receipts::feed_named(conn, typed)?,
                _ => self.common(conn)?,
            };
            let pick = |file: Option<Receipt>, typed: &str| match file {
                Some(receipt) => Ok(receipt),
                None => receipts::held(conn, feed, named(typed)?),
            };
            let (old, new) = (pick(old, &self.old)?, pick(new, &self.new)?);
            if old.feed != new.feed {
                return Err(Mistake::usage(
                    both("两份签收不是对同一条数据流水的", "the two receipts are not for one feed"),
                    both("请选择同一数据流水的两份签收", "choose two receipts for one feed"),
                )
                .into());
            }
            if old == new {
                return Err(Mistake::usage(
                    both("这是同一份签收，没有可比较的", "it is one and the same receipt; there is nothing to compare"),
                    both(
                        "请先用 receipts export 保存旧签收，以后再与新的比较；或比较两个上级的签收",
                        "keep an old one with `receipts export` and compare it later, or compare those of two levels",
                    ),
                )
                .into());
            }
            Ok((old, new))
        })
    }

    /// The feed of this device for which both unions have signed, if there is but one.
    fn common(&self, conn: &View) -> Result<FeedId> {
        let (old, new) = (named(&self.old)?, named(&self.new)?);
        let all = held::all(conn)?;
        let has = |feed, union| all.iter().any(|r| r.feed == feed && r.union == union);
        let own = feeds::owned(conn)?.into_iter().map(|f| f.feed.id);
        let found: Vec<FeedId> = own.filter(|id| has(*id, old) && has(*id, new)).collect();
        match &found[..] {
            [one] => Ok(*one),
            _ => Err(Mistake::usage(
                both(
                    format!("这两个单位都签收过的本机数据流水有{}条", found.len()),
                    format!("own feeds for which both unions have signed: {}", found.len()),
                ),
                both(
                    "请用 --feed 写明数据流水，编号见 receipts list",
                    "name the feed with --feed; `receipts list` has the ids",
                ),
            )
            .into()),
        }
    }
}

/// A union, or else a file that is not there.
fn named(typed: &str) -> Result<huiliu_proto::union::UnionNumber> {
    receipts::union(typed).map_err(|_| {
        Mistake::usage(
            both(
                format!("“{typed}”既不是文件，也不是工会"),
                format!("“{typed}” is neither a file that is there nor a union"),
            ),
            both(
                "请写 receipts export 生成的文件，或工会的代码、名称",
                "give a file that `receipts export` wrote, or a union's code or name",
            ),
        )
        .into()
    })
}

fn from_file(desk: &Desk, path: &Path) -> Result<Receipt> {
    match check_proof::known(desk, path)?.subject {
        Subject::Receipt { receipt, .. } => Ok(receipt),
        _ => Err(Mistake::usage(
            both(format!("{} 不是一份签收", path.display()), format!("{} is not a receipt", path.display())),
            both("请写 receipts export 生成的文件", "give a file that `receipts export` wrote"),
        )
        .into()),
    }
}

/// What was made; where a hub signed for another history, that is kept as evidence first.
pub fn kept(office: &Office, made: Result<Made, ProvingError>) -> Result<Made> {
    let lies: Vec<Receipt> = match &made {
        Err(ProvingError::Contradiction(lie)) => vec![(**lie).clone()],
        Err(ProvingError::Liars(one, other)) => vec![(**one).clone(), (**other).clone()],
        _ => vec![],
    };
    if !lies.is_empty() {
        office.store.write_blocking(move |ledger| lies.iter().try_for_each(|lie| ledger.keep_lie(lie)))?;
    }
    Ok(made?)
}
