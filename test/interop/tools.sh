#!/usr/bin/env bash
# Builds the Go programs that the interop tests and `bench:compare` run, into .cache/go/bin.
# Nothing happens when they are there already. Exit codes: 0 built, 3 no go here, other: the build failed.
set -euo pipefail

tessera=github.com/transparency-dev/tessera tessera_version=v1.0.4
certificates=github.com/google/certificate-transparency-go certificates_version=v1.4.0
mirror_client_go=go1.27.4 # what go/mirror-client needs, and more than the others do

cd "$(dirname "${BASH_SOURCE[0]}")"
bin="$(cd ../.. && pwd)/.cache/go/bin"

if ! command -v go >/dev/null; then
  echo "interop tools: no go here; install Go 1.26 or newer to run the interop tests and bench:compare" >&2
  exit 3
fi

programs=(fsck hammer posix posix-oneshot ctclient litewitness witnessctl omniwitness sunlight skylight
  treehead-interop treehead-peers treehead-mirror-client)
stamp="$(find tools.sh go -type f -print0 | LC_ALL=C sort -z | xargs -0 cat - <(go version) | cksum)"

complete() {
  [[ -f "$bin/.stamp" && "$(<"$bin/.stamp")" == "$stamp" ]] || return 1
  local program
  for program in "${programs[@]}"; do [[ -x "$bin/$program" ]] || return 1; done
}

if complete; then exit 0; fi

echo "interop tools: building ${programs[*]} into .cache/go/bin" >&2
mkdir -p "$bin"
rm -f "$bin/.stamp"
export GOBIN="$bin" GOWORK=off
# Versions are pinned above; the checksum database and go/go.sum vouch for the bytes.
go install "$tessera/cmd/fsck@$tessera_version" "$tessera/internal/hammer@$tessera_version" \
  "$tessera/cmd/conformance/posix@$tessera_version" "$tessera/cmd/examples/posix-oneshot@$tessera_version"
go install "$certificates/client/ctclient@$certificates_version"
(cd go && go install -mod=readonly .)
(cd go/peers && go install -mod=readonly . tool)
(cd go/omniwitness && go install -mod=readonly tool)
(cd go/mirror-client && GOTOOLCHAIN="$mirror_client_go" go install -mod=readonly .)
echo "$stamp" >"$bin/.stamp"
