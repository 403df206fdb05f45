
# Start this server's agent, or drain it, where only the instance itself can do that.
#
#   agent prepare creates the agent's container, but does not start it.
#   agent start   creates and starts the agent's container, if it does not run yet.
#   agent drain   does what is next, and prints the builds that still run, one a line.
#                 Exit code 0: drained. 10: call it again later.
#   agent resume  starts the agent again after a cordon, for which it was drained. Exit code
#                 10: it still finishes its builds, so call it again later.
#   agent builds  prints the builds that run, one a line.
#   agent look    exit code 0: the agent runs, or there is none. 3: it has had the only
#                 build that it was for.
#   agent await N waits N seconds, or until an agent that is for one build has ended.
#                 Exit code 4: it has. 124 or 143: the time is over. Others: it did not
#                 wait.
#
# The steps and their order are those of drain.py. The container's new name says that
# the agent has its signal. It was told once, then: a second signal cancels builds.

list_agents() {
    [ -z "$image" ] || docker ps --no-trunc --format '{{.ID}}' \
        --filter "label=serverfleet.agent=$uid"
}

start() { # not while the server is cordoned or drains
    [ -n "$image" ] || return 0
    # In this order: a drain that finds no note comes before the look for the cordon.
    mkdir -p "$run" && echo $$ >"$run/agent.starts"
    if [ ! -e "$run/cordoned" ]; then
        create_and_start
    fi
    code=$?
    rm -f "$run/agent.starts"
    return "$code"
}

prepare() {
    [ -n "$image" ] || return 0
    ! is_told || return 0
    labels='{{index .Config.Labels "serverfleet.agent"}}'
    labels="$labels"' {{index .Config.Labels "serverfleet.config"}}'
    found=$(docker inspect --format "$labels" "$name" 2>/dev/null || :)
    if [ -n "$found" ] && [ "$found" != "$uid $config" ]; then
        docker rm --force "$name" >/dev/null
        found=
    fi
    [ -n "$found" ] || create >/dev/null
}

create_and_start() {
    prepare || return
    ! is_told || return 0
    [ ! -e "$run/cordoned" ] || return 0 # while its image was pulled
    # What was there for one build is not started a second time.
    [ "$restart" != no ] || is_new || return 0
    : >"$started"
    docker start "$name" >/dev/null
}

is_told() { # to finish
    docker inspect "$draining" >/dev/null 2>&1
}

is_new() { # it was never started
    state=$(docker inspect --format '{{.State.Status}}' "$name" 2>/dev/null)
    [ "$state" = created ]
}

list_by_label_name() {
    docker ps --format '{{.Names}}|{{.Labels}}' |
        grep -E "\\|(.*,)?($1)(=|,|\$)" | cut -d '|' -f 1
}

is_busy() {
    [ -z "$(list_builds)" ] || return 0
    if [ -n "$network" ]; then
        [ -z "$(docker network ls --quiet --filter "name=^$network")" ] || return 0
    fi
    [ -n "$process" ] && docker top "$1" -eo pid,args | grep -qF "$process"
}

is_deaf() { # an agent that has just started may miss a signal
    age=$(docker ps --all --no-trunc --filter "id=$1" --format '{{.Status}}' |
        sed -n 's/^Up Less than a second.*/0/p; s/^Up \([0-9]*\) seconds\{0,1\}.*/\1/p')
    [ -n "$age" ] && [ "$age" -lt "$deaf" ]
}

tell_once() {
    [ "$(docker inspect --format '{{.Name}}' "$1")" != "/$draining" ] || return 0
    docker update --restart no "$1" >/dev/null
    ! is_deaf "$1" || return 0
    if [ "$cancels" = yes ]; then
        # It could take a build between the look and the signal, so it is paused.
        is_busy "$1" || docker pause "$1" >/dev/null 2>&1
        if is_busy "$1"; then
            docker unpause "$1" >/dev/null 2>&1
            return 0
        fi
    fi
    docker kill --signal "$signal" "$1" >/dev/null || return 0
    docker unpause "$1" >/dev/null 2>&1
    docker rename "$1" "$draining"
}

drain() {
    # Who starts it may not know yet that it is not to.
    starter=$(cat "$run/agent.starts" 2>/dev/null)
    [ -z "$starter" ] || ! kill -0 "$starter" 2>/dev/null || return 10
    if ! docker version >/dev/null 2>&1; then
        # A boot that did not come as far as the agent has no builds.
        [ -n "$image" ] && [ ! -e "$started" ] && return 0
        # A daemon that does not answer shows no builds, but may well run some.
        return 10
    fi
    for id in $(list_agents); do
        tell_once "$id" 2>/dev/null # it can end at any moment
    done
    builds=$(list_builds)
    [ -z "$builds" ] || printf '%s\n' "$builds"
    [ -z "$builds$(list_agents)" ] || return 10
    # It may have stopped answering before it was asked for them.
    docker version >/dev/null 2>&1 || return 10
}

resume() {
    [ -n "$image" ] || return 0
    for id in $(list_agents); do
        docker unpause "$id" >/dev/null 2>&1 # whoever paused it to tell it has died
    done
    [ -z "$(docker ps --quiet --filter "name=^/$draining\$")" ] || return 10
    ended=
    if docker inspect "$draining" >/dev/null 2>&1; then
        # The same container: an agent that registers itself does that only once.
        docker update --restart "$restart" "$draining" >/dev/null || return 10
        docker rename "$draining" "$name" || return 10
        ended=yes
    elif is_new || ! docker inspect "$name" >/dev/null 2>&1; then
        start || return 10
    elif [ "$restart" != no ]; then
        ended=yes # perhaps: whoever told it may have died before it was renamed
    fi
    # A cordon forbids its restart before it tells it, and may have come no further.
    docker update --restart "$restart" "$name" >/dev/null || return 10
    [ -z "$ended" ] || docker start "$name" >/dev/null || return 10
}

look() {
    if [ -z "$image" ] || [ -n "$(list_agents)" ]; then
        return 0
    fi
    [ "$restart" = no ] || return 1
    state='{{.State.Status}} {{.State.ExitCode}}'
    state=$(docker inspect --format "$state" "$name" 2>/dev/null)
    case $state in
    exited*) had_build "${state#exited }" && return 3 ;;
    esac
    return 1
}

had_build() { # EXIT CODE
    if [ -z "$trace" ]; then
        [ "$1" = 0 ]
        return
    fi
    # The first byte of an archive is enough: there can be very much in it.
    [ -n "$(docker cp "$name:$trace" - 2>/dev/null | head -c 1)" ]
}

await() {
    [ "$restart" = no ] && [ -n "$(list_agents)" ] || return 10
    timeout "$1" docker wait "$name" >/dev/null 2>&1
    code=$?
    [ "$code" -ne 0 ] || code=4
    return "$code"
}

builds() {
    list_builds
}

case ${1-} in
prepare | start | drain | resume | builds | look | await) "$@" ;;
*)
    echo "usage: agent prepare|start|drain|resume|builds|look|await SECONDS" >&2
    exit 2
    ;;
esac
