# protime-webhookd in a container: the daemon alone, as a user without rights.
#
#   docker build -t protime-webhookd .
#   docker run -d --name protime-webhookd --init --stop-timeout 30 --read-only --cap-drop ALL \
#       -v ./config.toml:/etc/protime-webhookd/config.toml:ro \
#       -v ./acme-client-secret:/run/secrets/acme-client-secret:ro \
#       -v protime-webhookd:/var/lib/protime-webhookd \
#       -v protime-webhookd-run:/run/protime-webhookd \
#       protime-webhookd
#
# The files must be readable for user 10001, and the configuration names the secret as
# { file = "/run/secrets/acme-client-secret" }. A resync or key command must be in the image: build
# one FROM this. Simpler here are key files in a volume that the receiver mounts as well.

FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --locked --release

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir / --shell /usr/sbin/nologin protime-webhookd \
    && install -d -m 0700 -o protime-webhookd -g protime-webhookd /var/lib/protime-webhookd \
    && install -d -m 0755 -o protime-webhookd -g protime-webhookd /run/protime-webhookd
COPY --from=build /source/target/release/protime-webhookd /usr/bin/protime-webhookd
USER protime-webhookd
# Keys and what is owed: without it every start renews everything.
VOLUME ["/var/lib/protime-webhookd", "/run/protime-webhookd"]
# A POST in flight is finished, which may take 20 s: hence --stop-timeout above. --init buries what
# commands leave behind.
STOPSIGNAL SIGTERM
# As in the systemd unit: memory that is needed for a moment goes back to the system.
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072
HEALTHCHECK --interval=1m --timeout=10s --start-period=1m CMD ["protime-webhookd", "status"]
ENTRYPOINT ["protime-webhookd"]
CMD ["run"]
