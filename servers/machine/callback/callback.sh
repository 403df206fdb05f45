
# Call ServerFleet: report the boot until it is through, then send heartbeats and do what
# their answers ask for. It runs as long as the instance does.
#
# The token and the secret are only ever in files that root alone can read. An argument
# or a variable of the environment could be read by others on this instance.
umask 077
kept=$state/callback        # survives a reboot
work=/run/serverfleet       # in memory, so that a full disk ends no heartbeat
max_log=16384               # bytes
last_step="Start the agent"
last_wait="the agent to run"
again=30
tries=0

say() {
    echo "$*" >&2
}

# -- What is sent ------------------------------------------------------------------

write_text() { # writes what it reads as a JSON string, without control characters
    od -An -v -tx1 | LC_ALL=C awk '
        BEGIN {
            for (i = 0; i < 256; i++) byte[sprintf("%02x", i)] = i
            printf "\""
        }
        { for (i = 1; i <= NF; i++) take(byte[$i]) }
        END { if (left) printf "?"; printf "\"" }

        function take(b) { # the bytes of UTF-8, one by one
            if (left && b >= 128 && b < 192) {
                point = point * 64 + b - 128
                if (--left == 0) show(point)
                return
            }
            if (left) printf "?"
            left = 0
            if (b < 128) { started = 1; show_ascii(b) }
            else if (b < 192) { if (started) printf "?" } # the text can be an end
            else if (b < 224) begin(1, b - 192, 128)
            else if (b < 240) begin(2, b - 224, 2048)
            else if (b < 245) begin(3, b - 240, 65536)
            else printf "?"
        }
        function begin(more, bits, smallest) {
            started = 1; left = more; point = bits; least = smallest
        }
        function show(p) {
            if (p < least || (p >= 55296 && p < 57344) || p > 1114111) printf "?"
            else if (p < 160) return
            else if (p < 65536) printf "\\u%04x", p
            else {
                p -= 65536
                printf "\\u%04x\\u%04x", 55296 + int(p / 1024), 56320 + p % 1024
            }
        }
        function show_ascii(b) {
            if (returned && b != 10) printf "\\n" # a progress bar
            returned = (b == 13)
            if (b == 10) { colour = 0; printf "\\n" }
            else if (colour == 1) colour = (b == 91) ? 2 : 0
            else if (colour == 2) { if (b >= 64) colour = 0 }
            else if (b == 27) colour = 1
            else if (b == 9) printf "\\t"
            else if (b == 34 || b == 92) printf "\\%c", b
            else if (b >= 32 && b < 127) printf "%c", b
        }'
}

write_steps() {
    comma=
    [ ! -e "$steps" ] || tail -n 63 "$steps" |
        while IFS="$(printf '\t')" read -r began ended result name; do
            # The clock can be set during the boot.
            seconds=$((ended - began))
            [ "$seconds" -ge 0 ] && [ "$seconds" -le 86400 ] || seconds=0
            [ "$result" = 0 ] && ok=true || ok=false
            printf '%s{"name":' "$comma"
            printf %s "$name" | head -c 200 | write_text
            printf ',"seconds":%d,"ok":%s}' "$seconds" "$ok"
            comma=,
        done
    # One without seconds still runs.
    if [ -n "$runs" ]; then
        [ ! -s "$steps" ] || printf ,
        printf '{"name":'
        printf %s "$runs" | head -c 200 | write_text
        printf '}'
    fi
}

write_log() {
    if [ ! -e "$log" ] || [ "$code" = 413 ]; then
        printf '""'
        return
    fi
    text=$(tail -c "$max_log" "$log" | write_text)
    # What is mostly no ASCII is longer in JSON, and the whole has to stay below 64 KiB.
    [ "${#text}" -le 40000 ] || text=$(tail -c $((max_log / 4)) "$log" | write_text)
    printf %s "$text"
}

write_boot() {
    printf '{"secret":"'
    cat "$kept/secret"
    printf '","phase":"%s","steps":[' "$phase"
    write_steps
    printf '],"log":'
    write_log
    printf '}'
}

write_heartbeat() {
    printf '{"secret":"'
    cat "$kept/secret"
    printf '","agent":"%s","docker":"%s","drained":%s,"builds":[' \
        "$agent" "$docker" "$drained"
    comma=
    [ -z "$builds" ] || printf '%s\n' "$builds" | head -n 100 |
        while read -r name; do
            printf %s "$comma"
            printf %s "$name" | head -c 200 | write_text
            comma=,
        done
    printf ']}'
}

# -- How it is sent ----------------------------------------------------------------

find_client() {
    if command -v curl >/dev/null; then
        client=curl
    elif wget --version 2>/dev/null | head -n 1 | grep -q '^GNU Wget 1'; then
        client=wget
    else
        # Others, such as BusyBox's, take a header only as an argument.
        client=
    fi
    [ -n "$client" ]
}

install_client() {
    say "There is neither curl nor GNU Wget, so curl is installed."
    command -v apt-get >/dev/null || return 0
    apt-get -q -o DPkg::Lock::Timeout=600 update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 install \
        --no-install-recommends curl ca-certificates >&2
}

write_curl() {
    printf '%s\n' silent show-error 'connect-timeout = 10' 'max-time = 30' \
        "proto = \"=$scheme\"" 'header = "Content-Type: application/json"' \
        'header = "Expect:"'
    # A folder without certificates: those of the image do not count then.
    [ ! -s "$ca" ] || printf 'cacert = "%s"\ncapath = "%s"\n' "$ca" "$work"
    printf 'header = "Authorization: Bearer '
    tr -d '\n' <"$token"
    printf '"\n'
}

write_wget() {
    printf '%s\n' 'tries = 1' 'timeout = 15' 'max_redirect = 0' 'server_response = on' \
        'content_on_error = on' 'hsts = off' 'header = Content-Type: application/json'
    [ ! -s "$ca" ] || printf 'ca_certificate = %s\nca_directory = %s\n' "$ca" "$work"
    printf 'header = Authorization: Bearer '
    tr -d '\n' <"$token"
    printf '\n'
}

call() { # KIND: sends the file body, once, within 30 seconds. It sets code and wait.
    # The image was taken of an instance that called, and this began before cloud-init.
    cmp -s "$token" "$kept/token" || exit 0 # systemd starts it again
    rm -f "$work/answer" "$work/headers"
    (
        ulimit -f 64 # blocks of 512 bytes: whoever answers can't fill the memory
        case $client in
        curl)
            exec curl --disable --config "$work/curl" --data-binary "@$work/body" \
                --dump-header "$work/headers" --output "$work/answer" \
                "$url/api/callback/$1"
            ;;
        wget)
            exec timeout 30 wget --config="$work/wget" --post-file="$work/body" \
                --output-file="$work/headers" --output-document="$work/answer" \
                "$url/api/callback/$1"
            ;;
        esac
    )
    failed=$?
    code=$(read_header 's/^ *HTTP\/[0-9.]* \([0-9]\{3\}\).*/\1/p')
    wait=$(read_header 's/^ *[Rr]etry-[Aa]fter: *\([1-9][0-9]\{0,5\}\).*/\1/p')
    [ "$failed" -eq 0 ] && [ "$code" = 200 ] && read_answer
}

read_header() { # PATTERN
    [ ! -e "$work/headers" ] || tr -d '\r' <"$work/headers" | sed -n "$1" | tail -n 1
}

read_answer() {
    text=$(head -c 4096 "$work/answer" | tr -d ' \t\r\n\000')
    number=$(printf %s "$text" | sed -n 's/.*"again":\([1-9][0-9]\{0,3\}\)[,}].*/\1/p')
    [ -n "$number" ] || return 1
    again=$number
    case $text in *'"drain":true'*) draining=yes ;; *) draining=no ;; esac
    case $text in *'"cordon":true'*) cordoned=yes ;; *) cordoned=no ;; esac
    # For whatever else runs here and looks.
    if [ "$cordoned" = yes ]; then
        : >"$work/cordoned"
        : >"$kept/finishing"
    else
        rm -f "$work/cordoned"
    fi
}

send() { # KIND: calls once. After a failure it waits, so that the caller looks again.
    if call "$1"; then
        tries=0
        return 0
    fi
    say "ServerFleet did not take the $1 report (${code:-no answer})."
    # At most after a minute, and where ServerFleet refuses it, after nine.
    [ "$code" = 401 ] && most=8 || most=5
    pause=$((1 << (tries < most ? tries : most)))
    tries=$((tries + 1))
    if [ -n "$wait" ]; then
        pause=$((wait < 600 ? wait : 600))
    fi
    # Many instances that lost their connection at once come back one by one.
    sleep $((pause + $(od -An -N2 -tu2 /dev/urandom) % (pause + 1)))
    return 1
}

# -- The boot ----------------------------------------------------------------------

judge_boot() { # sets phase, the step that runs, and what is waited for after the last
    phase=booting
    runs=
    waits=
    last=$(tail -n 1 "$steps" 2>/dev/null)
    if [ "$(printf %s "${last:-0}" | cut -f 3)" != 0 ]; then
        phase=failed
    elif [ ! -e "$state/booted" ]; then
        runs=$(cat "$state/step" 2>/dev/null)
        [ "$runs" != "$(printf %s "$last" | cut -f 4)" ] || runs=
    elif [ -d "$cloud_init" ] && [ ! -e "$cloud_init/result.json" ] &&
        [ ! -e "$cloud_init/disabled" ]; then
        waits="cloud-init to finish"
    elif [ "$has_docker" = yes ] && ! ask_docker; then
        waits="Docker to answer"
    elif [ "$has_agent" = yes ] && [ "$cordoned" = no ] && ! ask_agent; then
        waits=$last_wait
    else
        phase=ready
    fi
}

ask_docker() { # it can hang
    timeout 20 docker version >/dev/null 2>&1
}

ask_agent() { # whether it runs, or has had its only build before that was reported
    timeout 20 "$folder/agent" look >/dev/null 2>&1
    case $? in 0 | 3) ;; *) return 1 ;; esac
}

resume() { # after a cordon
    [ ! -e "$kept/finishing" ] || {
        timeout 60 "$folder/agent" resume 2>/dev/null && rm -f "$kept/finishing"
    }
}

start_agent() { # as the last step of the boot
    if [ -e "$kept/finishing" ]; then
        # A cordon that is over may have told it to finish.
        resume
        return
    fi
    began=$(date +%s)
    echo "== $last_step" >>"$log"
    timeout 60 "$folder/agent" start >>"$log" 2>&1
    result=$?
    [ "$result" -lt 124 ] || return # Docker hangs, so it is tried again
    cut -f 4 "$steps" 2>/dev/null | grep -qx "$last_step" ||
        printf '%s\t%s\t%s\t%s\n' "$began" "$(date +%s)" "$result" "$last_step" \
            >>"$steps"
}

report_boot() { # until it is through, or there is a drain to report instead
    sent=
    said=
    waited=0
    while [ ! -e "$kept/told" ]; do
        judge_boot
        if [ -n "$waits" ] && [ "$waits" != "$said" ]; then
            echo "== Waiting for $waits" >>"$log"
            said=$waits
        fi
        mark="$phase $runs $waits $(wc -l 2>/dev/null <"$steps")"
        # Also of a boot that failed, to hear of a drain.
        if [ "$mark" != "$sent" ] || [ $waited -ge "$again" ]; then
            write_boot >"$work/body"
            send boot || continue
            [ "$draining" = no ] || return 0
            sent=$mark
            waited=0
            # ServerFleet has just said that this instance counts. One that it gave up
            # must not take a build, which would be destroyed with it.
            if [ "$waits" = "$last_wait" ] && [ "$cordoned" = no ]; then
                start_agent
                continue
            fi
            # A boot that failed can be repeated by hand. Until then there is nothing new.
            [ "$phase" != ready ] || : >"$kept/told"
        fi
        [ "$phase" = ready ] || sleep 2
        waited=$((waited + 2))
    done
}

# -- Afterwards --------------------------------------------------------------------

look() { # sets docker, agent, builds and drained
    known=$builds
    docker=none
    if [ "$has_docker" = yes ]; then
        ask_docker && docker=answers || docker=silent
    fi
    drained=false
    # What is known of the agent and of builds stays, unless a drain has to go on.
    [ "$docker" != silent ] || [ "$draining$cordoned" != nono ] || return
    agent=none
    builds=
    if [ ! -x "$folder/agent" ]; then
        # Nothing here knows of builds.
        [ "$draining" = no ] || drained=true
        return
    fi
    if [ "$draining" = yes ]; then
        drain && drained=true
    elif [ "$cordoned" = yes ]; then
        drain
    else
        resume
        builds=$(timeout 20 "$folder/agent" builds 2>/dev/null)
    fi
    [ "$has_agent" = yes ] || return
    timeout 20 "$folder/agent" look >/dev/null 2>&1
    case $? in 0) agent=running ;; 3) agent=spent ;; *) agent=ended ;; esac
}

drain() { # sets builds
    # It is not cut off where Docker hangs. After its signal, but before the record of
    # that, the next one would send a second signal, and that cancels builds.
    if [ -z "$drainer" ] || [ -e "$work/drain.code" ] || ! kill -0 "$drainer"; then
        rm -f "$work/drain.code"
        {
            "$folder/agent" drain >"$work/drain.builds"
            echo $? >"$work/drain.code"
        } 2>/dev/null &
        drainer=$!
    fi
    waited_for=0
    until [ -e "$work/drain.code" ]; do
        if [ "$waited_for" -ge 20 ]; then
            builds=$known
            return 10
        fi
        sleep 1
        waited_for=$((waited_for + 1))
    done
    builds=$(cat "$work/drain.builds")
    return "$(cat "$work/drain.code")"
}

send_heartbeats() {
    sent=
    waited=0
    while :; do
        look
        mark="$agent $docker $drained $builds"
        # ServerFleet may want to hear a second time that nothing runs.
        if [ "$mark" != "$sent" ] || [ "$waited" -ge "$again" ] || [ "$drained" = true ]
        then
            write_heartbeat >"$work/body"
            asked="$cordoned $draining"
            send heartbeat || continue
            sent=$mark
            waited=0
            [ "$asked" = "$cordoned $draining" ] || continue
        fi
        step=$again
        [ "$draining" = no ] || [ "$step" -le 5 ] || step=5
        rest "$step"
        waited=$((waited + step))
    done
}

rest() { # SECONDS: or until an agent that is for one build has ended
    if [ "$agent" = running ]; then
        "$folder/agent" await "$1" >/dev/null 2>&1
        case $? in 4 | 124 | 143) return ;; esac # it has ended, or the time is over
    fi
    sleep "$1"
}

prepare() {
    mkdir -p "$kept" "$work"
    chmod 0700 "$kept" "$work"
    write_curl >"$work/curl"
    write_wget >"$work/wget"
    # An image can be taken of an instance that called before, with another token.
    if ! cmp -s "$token" "$kept/token"; then
        rm -f "$kept/told" "$kept/secret"
        cat "$token" >"$kept/token.new"
        mv "$kept/token.new" "$kept/token"
    fi
    if [ ! -s "$kept/secret" ]; then
        od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$kept/secret.new"
        [ "$(wc -c <"$kept/secret.new")" -eq 64 ] || return 1
        # Only a secret that survives may be told: ServerFleet binds the token to it.
        sync "$kept/secret.new"
        mv "$kept/secret.new" "$kept/secret"
        sync "$kept"
    fi
}

draining=no
drainer=
agent=none
builds=
code=
# Until ServerFleet has said more, it is as before a reboot.
[ -e "$kept/finishing" ] && cordoned=yes || cordoned=no
if ! prepare; then
    say "The secret could not be written."
    exit 1
fi
until find_client; do
    judge_boot
    # Until then, the boot may be installing something itself.
    [ "$phase" = booting ] || install_client
    sleep 5
done
report_boot
send_heartbeats
