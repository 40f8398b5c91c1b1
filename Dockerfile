# The component as a container image. Builds with BuildKit and with the classic builder, for each
# architecture that the base image has:
#
#   docker build -t dapr-nats-jetstream:0.1.0 .
#
# What is in it: Node, the libraries it is linked to, the component compiled to JavaScript, its
# production dependencies. No shell, no npm, no package manager.
#
# With the same base image, SOURCE_DATE_EPOCH and builder its files come out the same, except the
# compile cache, which V8 does not write the same way twice. The image's own "created" and history
# have the time of the build, unless BuildKit is given SOURCE_DATE_EPOCH. A tag such as node:24-slim
# moves: name a digest in BASE_IMAGE to hold it.

ARG NODE_VERSION=24
# Where it is built, and where Node and its libraries are taken from: any image with Node, npm, a
# shell and the usual commands.
ARG BASE_IMAGE=node:${NODE_VERSION}-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed to build or to run.
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.build.json \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
 && rm -rf src tsconfig.json tsconfig.build.json package-lock.json node_modules/.package-lock.json node_modules/.bin \
 # What nobody reads at run time: types, source maps, TypeScript and Markdown, other than licences.
 && find node_modules -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' \) \
      -exec rm {} + \
 && find node_modules -type f -name '*.md' ! -iname '*licen*' -exec rm {} + \
 && find node_modules -depth -type d -empty -delete
COPY LICENSE ./
COPY proto proto

# Node with the libraries that its binary names. glibc before 2.34 loads the ones for DNS by itself.
RUN set -e; mkdir -p /root-of-image/etc /root-of-image/usr/local/bin /root-of-image/tmp /sockets-of-image; \
    copy() { mkdir -p "/root-of-image$(dirname "$1")"; cp -L "$1" "/root-of-image$1"; }; \
    node=$(node -p process.execPath); \
    cp -L "$node" /root-of-image/usr/local/bin/node; \
    for library in $(ldd "$node" | grep -o '/[^ )]*'); do copy "$library"; done; \
    for library in /lib/*/libnss_dns.so.2 /lib/*/libnss_files.so.2 /lib/*/libresolv.so.2; do \
      if [ -e "$library" ]; then copy "$library"; fi; \
    done; \
    # Where the base brings certificates of authorities; Node has its own besides.
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then copy /etc/ssl/certs/ca-certificates.crt; fi; \
    echo 'nonroot:x:65532:65532:nonroot:/app:/sbin/nologin' > /root-of-image/etc/passwd; \
    echo 'nonroot:x:65532:' > /root-of-image/etc/group; \
    echo 'hosts: files dns' > /root-of-image/etc/nsswitch.conf; \
    # So that a probe can say `dapr-nats-jetstream healthcheck`.
    printf '#!/usr/local/bin/node\nimport("/app/dist/main.js");\n' \
      > /root-of-image/usr/local/bin/dapr-nats-jetstream; \
    chmod 755 /root-of-image/usr/local/bin/dapr-nats-jetstream

# Node's compile cache, which a read-only container could not write. It holds for the user, the path
# and the flags that it was written with; the server ends last, so its entries are the ones that stay.
COPY components /tmp/components
RUN mkdir .compile-cache && chown 65532:65532 .compile-cache
USER 65532:65532
ENV NODE_COMPILE_CACHE=/app/.compile-cache
ENV DAPR_NATS_JETSTREAM_SOCKET_FOLDER=/tmp/sockets
RUN set -e; node --max-semi-space-size=4 --heap-growing-percent=70 --disable-sigusr1 dist/main.js & server=$!; \
    tries=0; \
    until node dist/main.js healthcheck; do \
      tries=$((tries + 1)); if [ $tries -gt 50 ]; then exit 1; fi; sleep 0.2; \
    done; \
    node dist/main.js check /tmp/components/pubsub.yaml; \
    kill $server; wait $server
USER 0:0
ARG SOURCE_DATE_EPOCH=0
RUN chmod -R a+rX,go-w /app /root-of-image \
 && chmod 1777 /root-of-image/tmp \
 && find /app /root-of-image /sockets-of-image -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="dapr-nats-jetstream" \
      org.opencontainers.image.description="Dapr pluggable pub/sub component for NATS JetStream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /root-of-image/ /
COPY --from=build /app/ /app/
# An empty volume that is mounted there takes over the owner, so that this user may write to it.
COPY --from=build --chown=65532:65532 /sockets-of-image/ /tmp/dapr-components-sockets/
ENV PATH=/usr/local/bin \
    NODE_COMPILE_CACHE=/app/.compile-cache \
    MALLOC_ARENA_MAX=1
WORKDIR /app
USER 65532:65532
# No HEALTHCHECK: Kubernetes does not read it, and compose.yaml says its own.
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "--heap-growing-percent=70", "--disable-sigusr1", "/app/dist/main.js"]
