# The service in one image: dashboard built by Node, program by Go, run by an account of its own.
# `docker compose up --build` uses it; see docker-compose.yml.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist ./web/dist
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/forecaster ./cmd/forecaster
# Volumes take over the owner of the directory they cover.
RUN mkdir -p /out/state && chmod 0700 /out/state

FROM alpine:3.22
# tzdata: sites name their time zone. ca-certificates: webhooks and feeds speak TLS.
RUN apk add --no-cache ca-certificates tzdata && adduser -D -H -u 10001 surgecast
COPY --from=build /out/forecaster /usr/local/bin/forecaster
COPY --from=build --chown=10001:10001 /out/state /var/lib/surgecast
ENV SURGECAST_STATE_DIR=/var/lib/surgecast
WORKDIR /var/lib/surgecast
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/forecaster"]
CMD ["serve"]
