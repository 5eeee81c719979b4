#!/usr/bin/env bash
# Tries deploy/nginx.conf: nginx in front of two replicas of the app, then in front of a stand-in
# that tells what it was sent. Needs nginx, curl and the app's Python; a minute at most; only
# 127.0.0.1. Exit 0: all held.  Settings: PYTHON, NGINX_PROGRAM.
set -uo pipefail
cd "$(dirname "$0")/.."

[ -n "${TIMED:-}" ] || TIMED=1 exec timeout --foreground -k 5 120 "$0" "$@"
PYTHON=${PYTHON:-$(command -v "$PWD/.venv/bin/python" || command -v python3)}
NGINX_PROGRAM=${NGINX_PROGRAM:-$(command -v nginx || echo /usr/sbin/nginx)}
if ! command -v "$NGINX_PROGRAM" >/dev/null; then
    echo "nginx is not installed; on Debian: apt-get install nginx-light" >&2
    exit 1
fi
read -r PROXY ONE TWO STAND_IN STAND_IN_PROXY < <("$PYTHON" -c '
import socket
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(one.getsockname()[1] for one in free))')
W=$(mktemp -d "${TMPDIR:-/tmp}/try.XXXXXX")
chmod 711 "$W"  # nginx's own user has to pass
started=()

cleanup() {
    trap - EXIT INT TERM
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for _ in $(seq 100); do
        alive=
        for pid in "${started[@]}"; do kill -0 "$pid" 2>/dev/null && alive=1; done
        [ -n "$alive" ] || break
        sleep 0.1
    done
    for pid in "${started[@]}"; do kill -9 "$pid" 2>/dev/null; done
    rm -rf --one-file-system "$W"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

failed=0
check() {  # check WHAT HELD...: HELD is a test that passes
    local what=$1
    shift
    if "$@"; then echo "ok    $what"; else echo "FAIL  $what   [$*]" && failed=1; fi
}

# --- Parts that are started ----------------------------------------------------------------------

replica() {  # replica PORT
    HOST=127.0.0.1 PORT=$1 WORKERS=1 ADDRESS_HEADER=X-Real-IP LOG_FORMAT=json \
        "$PYTHON" -m app >"$W/app$1.log" 2>&1 &
    started+=($!)
}

proxy() {  # proxy PORT "SERVERS": the real file, but for where it listens, writes and passes on to
    local d=$W/nginx$1
    mkdir -p "$d/tmp"
    chmod 777 "$d/tmp"
    sed -e "s|server app:8000 resolve\(.*\);|$(for s in $2; do printf 'server 127.0.0.1:%s\\1; ' "$s"; done)|" \
        -e "s|/tmp/|$d/tmp/|" -e "s|listen 8080|listen 127.0.0.1:$1|" \
        -e "s|/dev/stdout|$d/access.log|" -e "s|/dev/stderr|$d/error.log|" \
        deploy/nginx.conf >"$d/nginx.conf"
    "$NGINX_PROGRAM" -t -q -c "$d/nginx.conf" || exit 1
    "$NGINX_PROGRAM" -c "$d/nginx.conf" -g 'daemon off;' &
    started+=($!)
}

# What the app does not do on demand: 503, streams, no mark. Its answers tell what it was sent.
stand_in() {
    "$PYTHON" - "$STAND_IN" <<'PY' &
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = {}

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        asked[self.path] = asked.get(self.path, 0) + 1
        headers, status = {}, 200
        sent = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"asked": asked[self.path], "sent": sent}).encode()
        if path == "/stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Accel-Buffering", "no")
            self.send_header("Connection", "close")
            self.end_headers()
            for n in range(3):
                self.wfile.write(b"data: %d\n\n" % n)
                self.wfile.flush()
                time.sleep(1)
            self.close_connection = True
            return
        if path == "/stream/phase":  # tells nothing more; when does it know that nobody listens?
            self.send_response(200)
            for name, value in {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"data: 0\n\n")
            self.wfile.flush()
            began = time.monotonic()
            self.connection.recv(1)
            asked["left"] = round(time.monotonic() - began)
            self.close_connection = True
            return
        if path == "/left":
            headers = {"X-Left-After": str(asked.get("left", "never"))}
        elif path == "/busy":
            status, headers = 503, {"Retry-After": "7", "Cache-Control": "no-store"}
        elif path == "/secret":
            headers = {"ETag": 'W/"s"', "Cache-Control": "no-store"}
        elif path not in ("/plain", "/left"):
            headers = {"ETag": 'W/"a"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
            if path == "/slow":
                time.sleep(1)
            if sent.get("if-none-match") == 'W/"a"':
                status, body = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
PY
    started+=($!)
}

# --- Questions ------------------------------------------------------------------------------------

ask() { curl -sS -g -m 40 --noproxy '*' "$@"; }
status() { ask -o /dev/null -w '%{http_code}' "$@"; }
header() {  # header NAME CURL_ARGS...
    local name=$1
    shift
    ask -o /dev/null -D - "$@" | tr -d '\r' | sed -n "s/^$name: //Ip" | head -1
}
cache() { header X-Cache-Status "$@"; }
sent() {  # sent NAME CURL_ARGS...: the header as the stand-in got it
    local name=$1
    shift
    ask "$@" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["sent"].get(sys.argv[1], ""))' "$name"
}
up() {  # up PORT: wait until it answers
    for _ in $(seq 150); do
        [ "$(status "http://127.0.0.1:$1/healthz" 2>/dev/null)" = 200 ] && return
        sleep 0.2
    done
    return 1
}

# --- In front of two replicas ---------------------------------------------------------------------

echo "$("$NGINX_PROGRAM" -v 2>&1), $("$PYTHON" -V)"
proxy "$PROXY" "$ONE $TWO"  # before there are replicas: the order must not matter
for _ in $(seq 50); do (exec 3<>"/dev/tcp/127.0.0.1/$PROXY") 2>/dev/null && break; sleep 0.1; done
at=http://127.0.0.1:$PROXY
check "no replica yet: 503" [ "$(status "$at/")" = 503 ]
check "no replica yet: Retry-After" [ "$(header Retry-After "$at/")" = 5 ]
replica "$ONE"; first=$!
replica "$TWO"; second=$!
if ! up "$ONE" || ! up "$TWO"; then
    echo "FAIL  the replicas start"
    tail -n 5 "$W"/app*.log
    exit 1
fi
sleep 2.5  # as long as a failed replica is left alone
check "replicas there: 200" [ "$(status "$at/readyz")" = 200 ]

api="$at/api/highway?v=1&T=60"
check "an answer is worked out once" [ "$(cache "$api")" = MISS ]
check "and then comes from what is kept" [ "$(cache "$api")" = HIT ]
check "a second later the app is asked by ETag" [ "$(sleep 2.1; cache "$api")" = REVALIDATED ]
check "and so are pages" [ "$(cache "$at/"; cache "$at/"; sleep 2.1; cache "$at/")" = $'MISS\nHIT\nREVALIDATED' ]
check "the same bytes, kept or new" [ "$(ask "$api" | cksum)" = "$(ask "http://127.0.0.1:$ONE/api/highway?v=1&T=60" | cksum)" ]
check "browsers still get the app's Cache-Control" [ "$(header Cache-Control "$api") $(header Cache-Control "$at/")" = "public, max-age=3600 no-cache" ]

mark=$(header ETag "$api")
check "304 by ETag from what is kept" [ "$(status -H "If-None-Match: $mark" "$api")" = 304 ]
new="$at/api/highway?v=1&T=61"
mark=$(header ETag "http://127.0.0.1:$TWO/api/highway?v=1&T=61")
check "304 by ETag where nothing is kept" [ "$(status -H "If-None-Match: $mark" "$new")" = 304 ]

sketch="$at/sketch/highway-wide?v=1&T=60"
check "what a moving slider asks for is not kept" [ "$(status "$sketch")$(cache "$sketch")$(cache "$sketch")" = 200 ]
mark=$(header ETag "$sketch")
check "but has its 304" [ "$(status -H "If-None-Match: $mark" "$sketch")" = 304 ]

for one in 'gzip, deflate, br, zstd' 'gzip' 'br;q=1.0, gzip;q=0.8, *;q=0.1'; do
    check "gzip for '$one'" [ "$(header Content-Encoding -H "Accept-Encoding: $one" "$at/learn")" = gzip ]
done
check "browsers share one kept answer" [ "$(cache -H 'Accept-Encoding: gzip, zstd' "$at/learn")" != MISS ]
for one in 'identity' 'gzip;q=0' 'br'; do
    check "plain for '$one'" [ -z "$(header Content-Encoding -H "Accept-Encoding: $one" "$at/learn")" ]
done
style=$(ask "$at/" | grep -oE '/static/[^"]*style\.css' | head -1)
check "static files as brotli" [ "$(header Content-Encoding -H 'Accept-Encoding: gzip, deflate, br' "$at$style")" = br ]
check "as gzip" [ "$(header Content-Encoding -H 'Accept-Encoding: gzip, br;q=0' "$at$style")" = gzip ]
check "as they are" [ -z "$(header Content-Encoding "$at$style")" ]

check "static files are kept for good" [ "$(cache "$at$style?"; sleep 2.1; cache "$at$style?")" = $'MISS\nHIT' ]
check "but not those of another version" [ "$(cache "$at/static/0/style.css"; cache "$at/static/0/style.css")" = $'MISS\nMISS' ]

check "hosts do not share pages" [ "$(cache -H 'Host: elsewhere.example' "$at/")" = MISS ]
check "refusals are not kept" [ "$(cache "$at/api/highway?v=1&T=0"; cache "$at/api/highway?v=1&T=0")" = $'MISS\nMISS' ]
long=$(printf 'x%.0s' $(seq 32100))
check "the app explains an address too long" [ "$(ask "$at/api/highway?v=1&text=$long" | grep -c '"status":414')" = 1 ]
check "an address of 40,000 letters is refused" [ "$(status "$at/api/highway?v=1&text=$long$long${long:0:8000}")" = 414 ]
check "a body is refused" [ "$(status -X POST -d x "$at/") $(status -X POST -d "$long" "$at/")" = "413 413" ]
for one in /metrics //metrics /%6detrics /x/../metrics '/metrics?x' /./metrics; do
    check "$one is hidden" [ "$(ask --path-as-is "$at$one" | grep -c 'nginx')" -ge 1 ]
done
asked_of() {  # asked_of ADDRESSES...: which replicas answered
    for one in "$@"; do ask -o /dev/null "$at$one"; done
    tail -n $# "$W/nginx$PROXY/access.log" | grep -oE '"replica":"[^"]*"' | sort -u
}
check "one visitor's work has one replica" [ "$(asked_of '/phase?v=1&seed='{1,2,3} '/api/phase?v=1&x_points=2&y_points=2&seeds=1&T='{5,6} '/?v=1&T=9&updates=2&trained='{0,1,2} | wc -l)" = 1 ]
check "other questions are for all of them" [ "$(asked_of '/?v=1&T=9&seed='{1,2,3,4} | wc -l)" = 2 ]
check "security headers come through" [ "$(header X-Content-Type-Options "$at/")" = nosniff ]
check "no version is told" [ "$(header Server "$at/")" = nginx ]

{ kill -9 "$first"; wait "$first"; } 2>/dev/null
check "one replica killed: every new question is answered" [ "$(for n in $(seq 70 81); do status "$at/api/highway?v=1&T=$n"; done)" = "$(printf '200%.0s' $(seq 12))" ]
kill "$second"
check "the other stops when told to, with 0" wait "$second"
sleep 2.1
check "none left: what is kept is shown" [ "$(status "$at/") $(cache "$at/")" = "200 STALE" ]
check "none left: the rest is put off" [ "$(status "$at/horizon?v=1") $(header Retry-After "$at/horizon?v=1")" = "503 5" ]
check "no log has a query" [ "$(cat "$W/nginx$PROXY"/*.log | grep -cE 'T=60|v=1')" = 0 ]
check "the log is JSON" "$PYTHON" -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$W/nginx$PROXY/access.log"

# --- In front of the stand-in ---------------------------------------------------------------------

stand_in
up "$STAND_IN" || exit 1
proxy "$STAND_IN_PROXY" "$STAND_IN $STAND_IN"  # as if there were two
up "$STAND_IN_PROXY" || exit 1
at=http://127.0.0.1:$STAND_IN_PROXY

check "nobody chooses their own address" [ "$(sent x-real-ip -H 'X-Real-IP: 203.0.113.9' "$at/a1")" = 127.0.0.1 ]
for one in x-forwarded-for x-forwarded-proto x-forwarded-host forwarded; do
    check "$one is taken off" [ -z "$(sent $one -H "$one: 203.0.113.9" "$at/plain")" ]
done
check "nor the id of their request" [ "$(sent x-request-id -H 'X-Request-ID: mine' "$at/plain" | grep -cE '^[0-9a-f]{32}$')" = 1 ]
check "and each answer, kept or not, names its own" [ "$(for _ in 1 2; do header X-Request-ID "$at/a1"; done | sort -u | grep -cE '^[0-9a-f]{32}$')" = 2 ]
check "the host passes, with its port" [ "$(sent host -H 'Host: a.example:81' "$at/plain")" = a.example:81 ]
check "a busy app's 503 comes through at once" [ "$(status "$at/busy") $(header Retry-After "$at/busy")" = "503 7" ]
check "and is asked of no other replica" [ "$(ask "$at/busy?once" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["asked"])')" = 1 ]
check "no-store is not kept" [ "$(ask "$at/secret" >/dev/null; cache "$at/secret")" = MISS ]
check "nor what has no ETag" [ "$(ask "$at/plain?2" >/dev/null; cache "$at/plain?2")" = MISS ]
check "a stream passes bit by bit" [ "$(ask -N -m 1.5 "$at/stream" 2>/dev/null | head -1)" = "data: 0" ]
ask -N -m 1.5 "$at/stream/phase" >/dev/null 2>&1
check "and its app is told that nobody listens any more" [ "$(header X-Left-After "$at/left")" -le 2 ]
for _ in 1 2 3 4 5 6; do ask "$at/slow" >>"$W/slow" & asking+=($!); done
wait "${asking[@]}"
check "six who ask at once cost one answer" [ "$(grep -o '"asked": [0-9]*' "$W/slow" | sort -u)" = '"asked": 1' ]

[ $failed = 0 ] && echo "all held ($SECONDS s)"
exit $failed
