//! The simulator's network, as the uplink and the downlink know a line.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use huiliu_node::sync::line::{Dial, Line, Listen};

pub const PORT: u16 = 7443;

pub fn dial() -> Dial {
    Arc::new(|address| {
        Box::pin(async move {
            let stream = turmoil::net::TcpStream::connect(address).await?;
            Ok(Box::new(stream) as Box<dyn Line>)
        })
    })
}

pub struct Listener(turmoil::net::TcpListener);

impl Listener {
    pub async fn bind() -> io::Result<Listener> {
        Ok(Listener(turmoil::net::TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?))
    }
}

impl Listen for Listener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Line>, IpAddr)> {
        let (stream, from) = self.0.accept().await?;
        Ok((Box::new(stream), from.ip()))
    }
}
