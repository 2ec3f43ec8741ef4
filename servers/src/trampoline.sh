# Runs a server, and ends it when the supervisor is gone or lets go: process.rs says how.
#   sh -c THIS tempchat-server SIGNAL GRACE COMMAND...
# fd 0 is a locked file that the server keeps open for as long as it lives.
# fd 1 is the reading end of the supervisor's pipe, fd 2 the server's log.
signal=$1 grace=$2
shift 2

# A background command gets /dev/null for fd 0 before its redirections, hence the detour over fd 3.
exec 3<&0 0</dev/null
"$@" <&3 3<&- >&2 &
server=$!
exec 3<&-

(
    read -r _ # nothing is ever written: this returns when the last writer is gone
    kill -s "$signal" "$server"
    trap 'kill "$!"; exit' TERM
    sleep "$grace" &
    wait "$!"
    kill -s KILL "$server"
) <&1 2>/dev/null &
watcher=$!

wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
