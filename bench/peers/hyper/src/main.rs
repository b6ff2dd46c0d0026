// SPDX-License-Identifier: Apache-2.0
//! A peer: hyper on a single-threaded tokio runtime, answering every request with one body that
//! lies ready.
//!
//! `hyper_server FILE` says "port N" once it serves; ends when its standard input does.

use std::convert::Infallible;

use hyper::body::Bytes;
use hyper::header::{HeaderValue, CACHE_CONTROL, CONTENT_TYPE};
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Response, Server};

fn main() {
    let file = std::env::args().nth(1).expect("usage: hyper_server FILE");
    let body = Bytes::from(std::fs::read(file).expect("the file cannot be read"));
    std::thread::spawn(|| {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).unwrap_or(0) > 0 {}
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async move {
        let make = make_service_fn(move |_| {
            let body = body.clone();
            async move {
                Ok::<_, Infallible>(service_fn(move |_| {
                    let mut response = Response::new(Body::from(body.clone()));
                    let headers = response.headers_mut();
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    async move { Ok::<_, Infallible>(response) }
                }))
            }
        });
        let server = Server::bind(&([127, 0, 0, 1], 0).into()).tcp_nodelay(true).serve(make);
        println!("port {}", server.local_addr().port());
        server.await.unwrap();
    });
}
