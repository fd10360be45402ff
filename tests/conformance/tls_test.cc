// The server over TLS: the program's own commands, other clients, streams, and a certificate that is replaced.
#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

class Tls : public ProgramTest {
protected:
    /// Runs a script of sh beside a server with a certificate for 127.0.0.1, with $CHRONOS_URL and the key set, "$0"
    /// the program and $server its process. `renew NAME` makes the certificate anew.
    Answer beside_server(const std::string& script) {
        const std::string all = R"sh(
            set -u
            renew() {
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
                    -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2> openssl.log
            }
            renew first || exit 70
            "$0" serve --dir served --port 0 --json --tls-cert cert.pem --tls-key key.pem > started 2> server.log &
            server=$!
            for i in $(seq 600); do [ -s started ] && break; sleep 0.05; done
            CHRONOS_URL=$(sed 's/.*"url":"\([^"]*\)".*/\1/' started)
            CHRONOS_API_KEY_FILE=served/admin.key
            CHRONOS_CA_FILE=cert.pem
            export CHRONOS_URL CHRONOS_API_KEY_FILE CHRONOS_CA_FILE
            port=${CHRONOS_URL##*:}
            auth="Authorization: Bearer $(cat served/admin.key)"
            ( )sh" + script + R"sh( )
            kill -TERM $server
            wait $server || echo "the server ended with $?")sh";
        return run_program("sh", {"-c", all, program_path()}, directory_);
    }
};

TEST_F(Tls, CommandsWorkAsOverPlainHttp) {
    const Answer answer = beside_server(R"sh(
        echo "$CHRONOS_URL" | cut -d: -f1
        "$0" append --entity a --type t --payload '{"x":1}' > ignored; echo $?
        "$0" state a --json | sed 's/.*"state":\({[^}]*}\).*/\1/'
        seq 2000 | sed 's/.*/{"entity_id":"b","event_type":"t","payload":{"n":&}}/' > lines
        "$0" ingest lines --json | tail -1 | sed 's/.*"appended":\([0-9]*\).*/\1/'
        "$0" query --entity b --count)sh");
    EXPECT_EQ(answer.out, "https\n0\n{\"x\":1}\n2000\n2000\n") << answer.errors << read_file("server.log");
}

TEST_F(Tls, WhoIsNotTrustedIsNotTalkedTo) {
    const Answer answer = beside_server(R"sh(
        CHRONOS_CA_FILE= "$0" stats 2> untrusted; echo $?
        CHRONOS_URL=http://127.0.0.1:$port "$0" stats 2> plain; echo $?
        curl -s --max-time 5 http://127.0.0.1:$port/health > ignored; [ $? -ne 0 ] && echo "no plain HTTP"
        printf 'nonsense\r\n\r\n' | openssl s_client -quiet -connect 127.0.0.1:$port > ignored 2>&1
        openssl s_client -tls1_1 -connect 127.0.0.1:$port < /dev/null > ignored 2>&1 || echo "no TLS 1.1"
        "$0" stats > ignored; echo $?)sh");
    EXPECT_EQ(answer.out, "8\n8\nno plain HTTP\nno TLS 1.1\n0\n") << answer.errors << read_file("untrusted");
    EXPECT_NE(read_file("untrusted").find("certificate"), std::string::npos) << read_file("untrusted");
}

TEST_F(Tls, StreamsGoOnWithWhatComes) {
    const Answer answer = beside_server(R"sh(
        "$0" append --entity a --type t --payload '{"n":1}' > ignored
        curl -sN --cacert cert.pem --max-time 20 -H "$auth" "$CHRONOS_URL/api/v1/events/sse?after=start" > sse &
        stream=$!
        "$0" tail --from-start --json > tailed 2> tail.log &
        tail=$!
        for i in $(seq 100); do grep -q '"n":1' sse && grep -q '"n":1' tailed && break; sleep 0.1; done
        "$0" append --entity a --type t --payload '{"n":2}' > ignored
        for i in $(seq 100); do grep -q '"n":2' sse && grep -q '"n":2' tailed && break; sleep 0.1; done
        kill $stream $tail
        grep -c '"n":2' sse
        grep -c '"n":2' tailed)sh");
    EXPECT_EQ(answer.out, "1\n1\n") << answer.errors << read_file("sse") << read_file("tail.log");
}

TEST_F(Tls, AStopWaitsForNoHandshake) {
    const Answer answer = beside_server(R"sh(
        bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && exec sleep 60" > ignored 2>&1 &
        silent=$!
        sleep 0.3
        kill -TERM $server
        for i in $(seq 300); do kill -0 $server 2> ignored || break; sleep 0.1; done
        [ "$i" -lt 80 ] && echo "ended at once"
        kill $silent)sh");
    EXPECT_EQ(answer.out, "ended at once\n") << answer.errors << read_file("server.log");
}

TEST_F(Tls, ANewCertificateIsTakenWithoutAnEnd) {
    const Answer answer = beside_server(R"sh(
        name() { openssl s_client -connect 127.0.0.1:$port < /dev/null 2> ignored | sed -n 's/.*subject=CN = //p'; }
        name
        renew second
        kill -HUP $server
        for i in $(seq 100); do [ "$(name)" = second ] && break; sleep 0.1; done
        name
        echo broken > cert.pem
        kill -HUP $server
        sleep 0.3
        name)sh");
    EXPECT_EQ(answer.out, "first\nsecond\nsecond\n") << answer.errors << read_file("server.log");
}

}  // namespace
}  // namespace chronos::conformance
