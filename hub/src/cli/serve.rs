//! `serve` on a hub: takes calls from the unions below, and stays on the line with the one above.

use huiliu_node::{
    cli::{
        CommandContext, Exit, context,
        error::{CommandError, both, system},
        serve::Serve,
    },
    identity::Home,
    writer::Threads,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{downlink, vouching};

pub fn run(serve: Serve, context: &CommandContext) -> anyhow::Result<Exit> {
    // Of a node's home the verb is that of a node; asked before a passphrase is.
    if !Home::open(&context.dir)?.config.hub {
        return serve.run(context);
    }
    let mut opened = context.open_with(Threads::Own)?;
    context.leave_protocol_1(&mut opened.home)?;
    let config = &mut opened.home.config;
    let address = serve.listen.or_else(|| config.listen.clone()).ok_or_else(|| {
        CommandError::usage(
            both("还不知道在哪个地址监听", "it is not known where to listen"),
            both(
                "请用 --listen 写明，如 --listen 0.0.0.0:7443；会记住",
                "give it with --listen, such as 0.0.0.0:7443; it is remembered",
            ),
        )
    })?;
    if config.listen.is_none() {
        config.listen = Some(address.clone());
        opened.home.save()?;
    }
    let above = opened.home.config.parent.is_some().then(|| opened.uplink(context));
    context.block_on(async {
        let listener = TcpListener::bind(&address).await.map_err(|error| cannot_listen(&address, &error))?;
        let asked_to_end = context::asked_to_end();
        context.note(&format!("{}{}", context.pick("正在监听：", "listening on "), listener.local_addr()?));
        context.note(context.pick("按 Ctrl-C 结束", "press Ctrl-C to end"));
        let (stop, stopped) = watch::channel(false);
        let asked = |mut stopped: watch::Receiver<bool>| async move {
            // An error means that nobody is left who could ask.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let ending = asked(stopped.clone());
        let calling = above.map(|uplink| tokio::spawn(async move { uplink.stay(ending).await }));
        let down = asked(stopped);
        let interrupt = tokio::spawn(async move {
            asked_to_end.await;
            stop.send_replace(true);
        });
        let store = opened.store.clone();
        let hearing = tokio::spawn(async move { store.hear_others().await });
        let (store, clock) = (opened.store.clone(), context.clock.clone());
        let (union, device) = (opened.me.union, opened.me.device());
        let vouching = tokio::spawn(async move { vouching::stay(&store, union, device, &clock).await });
        let served = tokio::select! {
            biased;
            // A hub that can write nothing is of no use to anybody, and is not to look as if it were.
            error = opened.store.failed() => Err(error.into()),
            served = downlink::serve(&opened.home, &opened.store, listener, &context.clock, down) => served,
        };
        interrupt.abort();
        hearing.abort();
        vouching.abort();
        if let Some(calling) = calling {
            if served.is_err() {
                calling.abort();
            } else {
                calling.await?;
            }
        }
        anyhow::Ok(served?)
    })??;
    context.note(context.pick("已结束", "ended"));
    Ok(Exit::Done)
}

fn cannot_listen(address: &str, error: &std::io::Error) -> CommandError {
    let (zh, en) = system::both(error);
    CommandError::failed(
        both(format!("不能在 {address} 监听：{zh}"), format!("cannot listen on {address}: {en}")),
        both("请换一个端口，或结束占用它的程序", "choose another port, or end the program that has it"),
    )
}
