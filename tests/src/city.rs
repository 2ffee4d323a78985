//! A city's hub whose program keeps no rule, in the simulated network: real keys, a real listener, real sessions with those
//! below and with the province, and between their frames what `insider` makes up. When the trouble ends it is gone, or
//! does what a hub does.

use std::{pin::Pin, sync::Arc};

use anyhow::Result;
use huiliu_hub::{
    join_service,
    listener::{self, Caller, HubListener},
};
use huiliu_node::{
    sync::{
        exchange::Endpoint,
        session::{self, Ends},
        uplink::MAX_FRAME,
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::DeviceId,
    union::UnionNumber,
    v1::{
        self,
        sync_server::{Sync, SyncServer},
    },
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::{
    insider::{self, Insider, Shared},
    network,
    world::{Conduct, Machine},
};

/// How the hub and the county below it are called.
pub const HUB: &str = "hub-320100";
pub const UNION: &str = "320100";
pub const COUNTY: &str = "320102";

struct City {
    machine: Machine,
    store: Store,
    insider: Shared,
    over: fn() -> bool,
}

/// Runs the hub; `devices` are everybody's.
pub async fn run(machine: Machine, devices: &[(UnionNumber, DeviceId)], seed: u64, over: fn() -> bool) -> Result<()> {
    let store = machine.store(Threads::Inline);
    let insider = Shared::new(Insider::new(&machine, seed).knowing(devices));
    let city = City { machine: machine.clone(), store: store.clone(), insider: insider.clone(), over };
    let serving = city.serve(network::Listener::bind().await?);
    let calling = async {
        insider::run(&machine, &store, &insider, over).await?;
        if machine.conduct == Conduct::Reforms {
            machine.uplink(&store, network::dial()).stay(std::future::pending()).await;
        }
        std::future::pending::<Result<()>>().await
    };
    tokio::select! {
        biased;
        served = serving => served,
        called = calling => called,
    }
}

impl City {
    async fn serve(self, incoming: network::Listener) -> Result<()> {
        let listener = Arc::new(HubListener::new(&self.machine.home, &self.store, &self.machine.clock)?);
        let (send, receive) = mpsc::channel(16);
        let accepting = tokio::spawn(listener::accept(incoming, listener, send));
        let service = SyncServer::new(self).max_decoding_message_size(MAX_FRAME).max_encoding_message_size(MAX_FRAME);
        let incoming = ReceiverStream::new(receive).map(Ok::<_, std::io::Error>);
        let served = Server::builder().add_service(service).serve_with_incoming(incoming).await;
        accepting.abort();
        Ok(served?)
    }
}

#[tonic::async_trait]
impl Sync for City {
    type ExchangeStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::Frame, Status>> + Send>>;

    async fn exchange(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let honest = (self.over)();
        if honest && self.machine.conduct != Conduct::Reforms {
            return Err(Status::unavailable("gone"));
        }
        let caller =
            request.extensions().get::<Caller>().cloned().ok_or_else(|| Status::unauthenticated("who calls"))?;
        let (machine, store, insider) = (self.machine.clone(), self.store.clone(), self.insider.clone());
        let enrolled = join_service::known(&store, &caller, machine.union()).await?;
        let network = machine.home.config.network.clone();
        let me = Endpoint { network, union: machine.union(), device: machine.me().device() };
        let ends = Ends { me, peer: enrolled.union, peer_device: enrolled.device, calls: false, stay: true };
        let (wire, receive) = mpsc::channel(16);
        let incoming = request.into_inner();
        tokio::spawn(async move {
            match honest {
                true => drop(session::answer(&store, ends, incoming, wire).await),
                false => insider::listen(machine, store, ends, incoming, wire, insider).await,
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive).map(Ok))))
    }
}
