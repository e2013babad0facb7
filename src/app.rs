//! The composition root: builds everything from the configuration, runs it until it is stopped, and
//! drains it.
//!
//! The lock comes first, because everything else (the database, the sockets) belongs to its holder.
//! Stopping: no new work; a POST in flight is finished and its key committed; programs are ended, and
//! what they owe stays owed. The sockets answer until the end, so that everyone who waits for a key
//! gets it. [`drain`] says how long all of this may take.

mod drain;
mod limits;

use std::{io, time::Duration};

use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, bind::BindError},
    clock,
    config::Config,
    engine::{
        Engine, Shared,
        driver::Driver,
        event_publisher, history_pruner,
        parts::Parts,
        scheduler::{Cron, Sweep},
        service_manager,
        setup::{Setup, SetupError},
    },
    service::Service,
    signals::{Early, Signal, Signals},
    store::{OpenError, Store, StoreError},
};

/// How long open connections may take once the work is done.
const CLOSE: Duration = Duration::from_secs(2);

/// How long the service manager waits at most to hear that the daemon is ready.
const READY_AT_LAST: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(
        "[metrics] listen: cannot listen on {listen}: {source}; another process may use the port: stop it, or configure another one"
    )]
    Metrics { listen: std::net::SocketAddr, source: io::Error },
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    #[error("cannot start the cron of [daemon] status_poll: {0}")]
    Cron(#[from] tokio_cron_scheduler::JobSchedulerError),
    /// A part came to an end.
    #[error(
        "what serves {0} came to an end, which is a mistake in this program; start it again: nothing that is owed is \
         lost, and its last lines before this one say what happened"
    )]
    Part(&'static str),
}

/// Runs the daemon until a signal stops it; `early` has caught those that came before.
pub(crate) async fn run(config: Config, early: Early) -> Result<(), DaemonError> {
    let mut signals = Signals::listen(early).map_err(DaemonError::Signals)?;
    limits::allow_many_connections();
    let store = Store::open(&config.daemon.state_dir)?;
    store.restarted(clock::now()).await?;
    let shared = Shared::new(store);
    let setup = Setup::build(&config, &shared).await?;
    let (sweep, sweeps) = mpsc::channel(1);
    let engine = Engine::new(shared, setup, sweep);
    // The setup has what it needs of it; a text of many webhooks is not to be held for life.
    drop(config.tenants);
    let (daemon, metrics) = (config.daemon, config.metrics);
    let group = daemon.socket_group.as_deref();
    let status_socket = api::bind::bind(&daemon.status_socket, daemon.status_socket_mode, group)?;
    let control_socket = api::bind::bind(&daemon.control_socket, daemon.control_socket_mode, group)?;

    let metrics_socket = match metrics.listen {
        Some(listen) => Some(listen_for_metrics(listen).await?),
        None => None,
    };

    let working = CancellationToken::new();
    let serving = CancellationToken::new();
    let publishing = CancellationToken::new();
    let service = Service::new(engine.clone());
    let (of_status, of_control) =
        (api::status::router(service.clone()), api::control::router(service.clone()));
    let (parts, mut first_end) = Parts::new();
    let status = serve(status_socket, of_status, api::status::CONNECTIONS_PER_USER, &serving);
    let status = parts.spawn("the status socket", status);
    let control = serve(control_socket, of_control, api::control::CONNECTIONS_PER_USER, &serving);
    let control = parts.spawn("the control socket", control);
    let metrics = metrics_socket
        .map(|socket| parts.spawn("the metrics", serve_metrics(socket, service.clone(), &serving)));
    // What is on disk by now counts as published.
    drop(engine.overview().await?);
    let publisher = parts.spawn("the events", event_publisher::run(engine.clone(), publishing.clone()));

    let cron = Cron::start(&daemon.status_poll, engine.sweep.clone()).await?;
    let driver = Driver::new(engine.clone(), cron, parts.clone());
    let sweeper = parts.spawn("the polls", sweep_when_asked(engine.clone(), sweeps));
    let pruner = parts.spawn("the history", history_pruner::run(engine.clone(), working.clone()));
    let driving = parts.spawn("the renewals", driver.run(working.clone()));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        webhooks = engine.setup().procedures.len(),
        tenants = engine.setup().tenants.len(),
        "started"
    );
    if engine.sweep.try_send(Sweep).is_err() {
        tracing::debug!("the cron asked for the first sweep already");
    }
    let ready = tokio::spawn(announce_ready(engine.shared.clone()));

    let broken = loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            Some(part) = first_end.recv() => break Some(part),
        };
        match signal {
            Signal::Stop => break None,
            Signal::Poll => {
                tracing::info!("asked to poll now");
                if engine.sweep.try_send(Sweep).is_err() {
                    tracing::debug!("a sweep is already due");
                }
            }
            Signal::Reload => {
                let engine = engine.clone();
                // What is wrong is in the log and in the status; a stop is not to wait for it.
                tokio::spawn(async move { engine.reload().await.ok() });
            }
        }
    };
    if let Some(part) = broken {
        tracing::error!(part, "a part of the daemon came to an end; stopping, to be started again");
    }
    tracing::info!("stopping");
    service_manager::notify(&[sd_notify::NotifyState::Stopping]);
    ready.abort();
    working.cancel();
    drain::drain(driving, &engine.shared.unpersisted_keys, engine.setup().request_timeout).await;
    sweeper.abort();
    finish(pruner, CLOSE, "a look at old history was cut off").await;
    publishing.cancel();
    finish(publisher, CLOSE, "not everything that happened was sent to subscribers").await;
    serving.cancel();
    finish(status, CLOSE, "a connection to the status socket was cut off").await;
    finish(control, CLOSE, "a connection to the control socket was cut off").await;
    if let Some(metrics) = metrics {
        finish(metrics, CLOSE, "a connection to the metrics was cut off").await;
    }
    tracing::info!("stopped");
    broken.map_or(Ok(()), |part| Err(DaemonError::Part(part)))
}

fn serve(
    socket: api::bind::BoundSocket,
    router: axum::Router,
    connections_per_user: usize,
    serving: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let serving = serving.clone();
    async move {
        let path = socket.path().display().to_string();
        if let Err(error) = api::serve::serve(socket, router, connections_per_user, serving.cancelled()).await
        {
            tracing::error!(path, %error, "a socket is no longer served");
        }
    }
}

async fn listen_for_metrics(listen: std::net::SocketAddr) -> Result<TcpListener, DaemonError> {
    TcpListener::bind(listen).await.map_err(|source| DaemonError::Metrics { listen, source })
}

/// Answers for the metrics until `serving` is requested; the listener is closed then.
fn serve_metrics(
    listener: TcpListener,
    service: Service,
    serving: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let serving = serving.clone();
    let router = api::read::metrics_router(service);
    async move {
        api::serve::answer_all(listener, router, api::read::METRICS_CONNECTIONS, serving.cancelled()).await;
    }
}

/// Runs sweeps one after the other, each in a task of its own, so that a panic ends only that one.
async fn sweep_when_asked(engine: Engine, mut sweeps: mpsc::Receiver<Sweep>) {
    while let Some(Sweep) = sweeps.recv().await {
        let engine = engine.clone();
        if let Err(error) = tokio::spawn(async move { engine.sweep().await }).await {
            tracing::error!(%error, "a sweep ended abnormally");
        }
    }
}

/// Tells the service manager that the daemon is ready: once every tenant was asked, or after 30 s.
async fn announce_ready(shared: Shared) {
    if tokio::time::timeout(READY_AT_LAST, shared.first_sweep_done()).await.is_err() {
        tracing::warn!("not every tenant has answered yet");
    }
    service_manager::notify(&[sd_notify::NotifyState::Ready]);
}

async fn finish(mut task: JoinHandle<()>, limit: Duration, otherwise: &str) {
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a task ended abnormally"),
        Err(_) => {
            task.abort();
            tracing::warn!("{otherwise}");
        }
    }
}
