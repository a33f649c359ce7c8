// The script that a joining machine pipes into its shell. Pure text. It does nothing before its
// last line has arrived (a cut download runs nothing), checks what it fetches against the hash that
// it carries, and leaves one folder, one wrapper and, where there is systemd, one unit.
import type { Architecture } from '@salvage/contract';

export interface JoinPack {
  architecture: Architecture;
  file: string;
  sha256: string;
  bytes: number;
}

export interface JoinScriptOptions {
  hubUrl: string;
  /** curl's pin of the hub's key. */
  pin: string;
  token: string;
  packs: readonly JoinPack[];
}

/** POSIX sh; every value is quoted. */
export function joinScript(options: JoinScriptOptions): string {
  const cases = options.packs
    .map(
      (pack) => `    ${pack.architecture}) FILE=${shellQuote(pack.file)} SHA256=${pack.sha256} ;;`,
    )
    .join('\n');
  return `#!/bin/sh
# Joins this machine to a salvage cluster. Run as root; 'salvage-agent uninstall' takes all back.
set -eu
HUB=${shellQuote(options.hubUrl)}
PIN=${shellQuote(options.pin)}
TOKEN=${shellQuote(options.token)}
PREFIX=/opt/salvage
STATE=/var/lib/salvage-agent
CACHE=/var/cache/salvage-agent

say() { printf '%s\\n' "salvage: $*"; }
fail() { printf '%s\\n' "salvage: $*" >&2; exit 1; }

machine() {
  case "$(uname -m)" in
    x86_64|amd64) echo x64 ;;
    aarch64|arm64) echo arm64 ;;
    armv7l|armv8l) echo armv7l ;;
    *) uname -m ;;
  esac
}

choose() {
  case "$1" in
${cases}
    *) fail "the hub holds no pack for $1. Run on the hub:  salvage join prepare --arch $1" ;;
  esac
}

main() {
  [ "$(uname -s)" = Linux ] || fail "salvage runs on Linux; this is $(uname -s)"
  [ "$(id -u)" = 0 ] || fail "run this as root: put 'sudo' before 'sh'"
  for TOOL in curl tar gzip sha256sum; do
    command -v "$TOOL" >/dev/null 2>&1 || fail "$TOOL is missing: install it and run the line again"
  done
  ARCH=$(machine)
  choose "$ARCH"
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  say "fetching the agent, Node and the engine for $ARCH from $HUB"
  curl -fS --progress-bar --insecure --pinnedpubkey "$PIN" --retry 5 -C - \\
    -o "$WORK/pack.tgz" "$HUB/join/$TOKEN/pack/$FILE" || fail "the download failed: run the line again"
  echo "$SHA256  $WORK/pack.tgz" | sha256sum -c - >/dev/null 2>&1 \\
    || fail "what came is not what the hub promised (SHA-256 differs): nothing was installed"
  [ ! -x /usr/local/bin/salvage-agent ] || /usr/local/bin/salvage-agent stop || true
  rm -rf "$PREFIX.new"
  mkdir -p "$PREFIX.new" "$STATE" "$CACHE"
  tar -xzf "$WORK/pack.tgz" -C "$PREFIX.new"
  "$PREFIX.new/bin/node" --version >/dev/null 2>&1 \\
    || { rm -rf "$PREFIX.new"; fail "this system is too old for Node (it needs glibc 2.28 or newer)"; }
  rm -rf "$PREFIX"
  mv "$PREFIX.new" "$PREFIX"
  if command -v useradd >/dev/null 2>&1; then
    id salvage-agent >/dev/null 2>&1 || useradd --system --no-create-home \\
      --home-dir "$STATE" --shell /usr/sbin/nologin salvage-agent
  fi
  mkdir -p /usr/local/bin
  ln -sf "$PREFIX/bin/salvage-agent" /usr/local/bin/salvage-agent
  say "enrolling at the hub"
  /usr/local/bin/salvage-agent enrol --hub "$HUB" --pin "$PIN" --token "$TOKEN" --again
  /usr/local/bin/salvage-agent start
  say "done: this machine shows up on the hub (salvage status) within a minute"
}

main "$@"
`;
}

/** The wrapper that lies in the pack as bin/salvage-agent. */
export const agentWrapper = `#!/bin/sh
# The agent of a salvage node: starts, stops, shows and removes it.
set -eu
PREFIX=/opt/salvage
STATE=/var/lib/salvage-agent
CACHE=/var/cache/salvage-agent
UNIT=/etc/systemd/system/salvage-agent.service
PIDFILE=$STATE/agent.pid
LOG=$STATE/agent.log

has_systemd() { [ -d /run/systemd/system ]; }
has_user() { id salvage-agent >/dev/null 2>&1; }
agent() { "$PREFIX/bin/node" --max-semi-space-size=1 --lite-mode "$PREFIX/agent.mjs" "$@"; }
running() { [ -f "$PIDFILE" ] && kill -0 "$(cat "$PIDFILE")" 2>/dev/null; }
root() { [ "$(id -u)" = 0 ] || { echo "salvage-agent: run as root" >&2; exit 1; }; }

own() { has_user && chown -R salvage-agent: "$STATE" "$CACHE" || true; }

write_unit() {
  USER_LINE=; has_user && USER_LINE="User=salvage-agent"
  cat > "$UNIT" <<UNIT_END
[Unit]
Description=salvage agent
After=network-online.target
Wants=network-online.target

[Service]
$USER_LINE
ExecStart=$PREFIX/bin/node --max-semi-space-size=1 --lite-mode $PREFIX/agent.mjs run --state $STATE --cache $CACHE
Restart=always
RestartSec=2
Nice=5
ProtectSystem=strict
ReadWritePaths=$STATE $CACHE
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
UNIT_END
  systemctl daemon-reload
}

start() {
  own
  if has_systemd; then
    write_unit
    systemctl enable --now salvage-agent
    return
  fi
  running && return
  AS=; has_user && command -v setpriv >/dev/null 2>&1 \\
    && AS="setpriv --reuid=salvage-agent --regid=salvage-agent --clear-groups"
  # shellcheck disable=SC2086
  setsid $AS "$PREFIX/bin/node" --max-semi-space-size=1 --lite-mode "$PREFIX/agent.mjs" run \\
    --state "$STATE" --cache "$CACHE" >"$LOG" 2>&1 </dev/null &
  echo $! > "$PIDFILE"
}

stop() {
  if has_systemd; then systemctl disable --now salvage-agent 2>/dev/null || true; return; fi
  if running; then
    PID=$(cat "$PIDFILE")
    kill "$PID" 2>/dev/null || true
    N=0
    while kill -0 "$PID" 2>/dev/null && [ $N -lt 100 ]; do sleep 0.1; N=$((N + 1)); done
    kill -9 "$PID" 2>/dev/null || true
  fi
  rm -f "$PIDFILE"
}

case "\${1:-help}" in
  start) root; start ;;
  stop) root; stop ;;
  status) if has_systemd; then systemctl status salvage-agent --no-pager; elif running; then echo running; else echo stopped; exit 3; fi ;;
  logs) if has_systemd; then journalctl -u salvage-agent -n 100 --no-pager; else tail -n 100 "$LOG"; fi ;;
  enrol) root; shift; mkdir -p "$STATE" "$CACHE"; agent enrol --state "$STATE" "$@"; own ;;
  uninstall)
    root
    stop
    rm -f "$UNIT"
    has_systemd && systemctl daemon-reload || true
    rm -rf "$PREFIX" "$STATE" "$CACHE" /usr/local/bin/salvage-agent
    has_user && userdel salvage-agent >/dev/null 2>&1 || true
    echo "salvage-agent: removed. Remove the node on the hub as well: salvage nodes remove NODE" ;;
  version|--version) agent --version ;;
  *) echo "usage: salvage-agent start | stop | status | logs | enrol --hub URL --pin PIN --token TOKEN | uninstall | version" ;;
esac
`;

/** One word for a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
