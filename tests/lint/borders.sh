#!/usr/bin/env bash
# Includes go down the house, never up or sideways; each system library has the one folder that sees it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

# may FOLDER "ALLOWED...": FOLDER's files include our headers from these folders only.
may() {
  local folder=$1 allowed=$2 found
  found=$(grep -rnE '^#include "[a-z_]+/' --include='*.[ch]' "$folder" |
    grep -vE "#include \"(${allowed// /|})/" || true)
  [ -z "$found" ] || { echo "an include that goes up or sideways:"; echo "$found"; bad=1; }
}
may base "base"
may compose "base compose"
may network "base compose network"
may runtime "base compose runtime"
may orchestrator "base compose network runtime orchestrator"
may cmd "base compose network runtime orchestrator cmd"

# only FOLDERS PATTERN: headers that match are included in FOLDERS alone.
only() {
  local folders=$1 pattern=$2 found
  found=$(grep -rnE "^#include <($pattern)" --include='*.[ch]' base compose network runtime orchestrator cmd |
    grep -vE "^(${folders// /|})/" || true)
  [ -z "$found" ] || { echo "a library outside its folder ($folders):"; echo "$found"; bad=1; }
}
only compose 'yaml\.h'
only network 'netlink/|nftables/|ldns/|systemd/'
only runtime 'libvirt/|archive|lz4'
only orchestrator 'microhttpd'
only base 'keyutils'
exit $bad
