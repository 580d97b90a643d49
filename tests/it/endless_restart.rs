//! F: what a restart leaves open, and what it takes when something is in its way.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use hmr_tests::{Hmr, Project, limit};

/// Asks a server all the time, by a new connection each time.
struct Client {
    is_over: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    fn start(port: u16) -> Self {
        let [refused, answers] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let is_over = Arc::new(AtomicBool::new(false));
        let counts = (
            Arc::clone(&refused),
            Arc::clone(&answers),
            Arc::clone(&is_over),
        );
        let thread = std::thread::spawn(move || {
            let (refused, answers, is_over) = counts;
            while !is_over.load(Ordering::Acquire) {
                match ask(port) {
                    Ok(true) => answers.fetch_add(1, Ordering::AcqRel),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                        refused.fetch_add(1, Ordering::AcqRel)
                    }
                    // A connection that the old run had taken and not answered.
                    Ok(false) | Err(_) => 0,
                };
            }
        });
        Self {
            is_over,
            refused,
            answers,
            thread: Some(thread),
        }
    }

    /// How many requests were refused, and how many answered.
    fn end(mut self) -> (usize, usize) {
        self.is_over.store(true, Ordering::Release);
        self.thread
            .take()
            .expect("it runs")
            .join()
            .expect("it ends");
        (
            self.refused.load(Ordering::Acquire),
            self.answers.load(Ordering::Acquire),
        )
    }
}

fn ask(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(limit()))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("200"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until connections to `port` are refused.
#[track_caller]
fn wait_refused(port: u16) {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(began.elapsed() < limit(), "port {port} is still open");
    }
}

/// Servers that take `m.X` for good and listen on `m.PORT`.
const HTTP: &str = "import m\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\
    class Handler(BaseHTTPRequestHandler):\n    def do_GET(self):\n        \
    self.wfile.write(b'HTTP/1.1 200 OK\\r\\n\\r\\nhello')\n    def log_message(self, *_):\n        pass\n\
    with HTTPServer(('localhost', m.PORT), Handler) as server:\n    print('V', m.X, flush=True)\n    server.serve_forever()\n";

const LOOP: &str = "import asyncio, m\n\
    async def serve(reader, writer):\n    await reader.readuntil(b'\\r\\n\\r\\n')\n    \
    writer.write(b'HTTP/1.1 200 OK\\r\\n\\r\\nhello')\n    await writer.drain()\n    writer.close()\n\
    async def main():\n    server = await asyncio.start_server(serve, '127.0.0.1', m.PORT)\n    \
    print('V', m.X, flush=True)\n    await server.serve_forever()\nasyncio.run(main())\n";

fn m(x: u32, port: u16) -> String {
    format!("X = {x}\nPORT = {port}\n")
}

#[test]
fn no_client_is_refused_while_a_server_restarts() {
    let uvloop = LOOP.replace("asyncio.run", "import uvloop; uvloop.run");
    for main in [HTTP, LOOP, &uvloop] {
        let port = free_port();
        let project = Project::new(&[("m.py", &m(1, port)), ("main.py", main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        let client = Client::start(port);
        for x in 2..7 {
            hmr.save_until("m.py", &m(x, port), &format!("V {x}"));
        }
        let (refused, answers) = client.end();
        assert_eq!(refused, 0, "of {answers}: {main}\n{}", hmr.log());
        assert!(answers > 0, "{}", hmr.log());
        // Of connections that Ctrl-C breaks off asyncio writes tracebacks, as under python.
        assert!(!hmr.log().contains("already in use"), "{}", hmr.log());
        assert!(!hmr.log().contains("main failed"), "{}", hmr.log());
        assert!(!hmr.log().contains("new process"), "{}", hmr.log());
    }
}

#[test]
fn a_port_that_a_restart_leaves_is_closed_soon() {
    let (first, second) = (free_port(), free_port());
    let project = Project::new(&[("m.py", &m(1, first)), ("main.py", HTTP)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save_until("m.py", &m(2, second), "V 2");
    assert!(ask(second).expect("it listens"), "{}", hmr.log());
    wait_refused(first);
}

#[test]
fn a_port_whose_program_does_not_start_again_is_closed() {
    let port = free_port();
    let project = Project::new(&[("m.py", &m(1, port)), ("main.py", HTTP)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    project.save("m.py", &format!("{}PORT = None\n", m(2, port)));
    hmr.wait_failure("TypeError");
    wait_refused(port);
    project.save("m.py", &m(3, port));
    hmr.wait_stdout("V 3");
    assert!(ask(port).expect("it listens"), "{}", hmr.log());
}

#[test]
fn what_binds_while_a_port_is_kept_is_left_as_it_was() {
    // Addresses that are taken, of the wrong kind or on a closed socket raise what they raise.
    let main = "import m, socket\nserver = socket.create_server(('127.0.0.1', m.PORT))\nerrors = []\n\
        def bind(address, kind=socket.SOCK_STREAM, closed=False):\n    with socket.socket(type=kind) as other:\n        \
        if closed:\n            other.close()\n        try:\n            other.bind(address)\n        \
        except Exception as error:\n            errors.append(type(error).__name__)\n        else:\n            errors.append('bound')\n\
        bind(('127.0.0.1', m.PORT))\nbind(('127.0.0.1', m.PORT), socket.SOCK_DGRAM)\nbind('wrong')\nbind(('127.0.0.1', 0))\n\
        bind(('127.0.0.1', m.PORT), closed=True)\n\
        print('V', m.X, *errors, 'bind' in vars(socket.socket) and m.X == 1, flush=True)\n\
        connection, _ = server.accept()\n";
    let project = Project::new(&[("m.py", &m(1, free_port())), ("main.py", main)]);
    let port = project.read("m.py").lines().last().map(str::to_owned);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let found = "OSError bound TypeError bound OSError False";
    hmr.wait_stdout(&format!("V 1 {found}"));
    for x in 2..5 {
        let m = format!("X = {x}\n{}\n", port.as_deref().expect("it was saved"));
        hmr.save_until("m.py", &m, &format!("V {x} {found}"));
    }
}

#[test]
fn a_port_that_the_last_run_still_has_makes_a_new_process() {
    let main = "import hmr, m, os, socket, threading, time\n\
        def hold(server):\n    threading.Event().wait()\n\
        def start():\n    server = socket.create_server(('127.0.0.1', m.PORT))\n    \
        threading.Thread(target=hold, args=(server,), daemon=True).start()\n\
        start()\nhmr.on_dispose(lambda: print('bye', flush=True))\nold = os.environ.get('OLD')\nos.environ['OLD'] = 'yes'\n\
        os.chdir('/')\nprint('V', m.X, os.getpid(), old, flush=True)\nwhile True:\n    time.sleep(0.01)\n";
    let port = free_port();
    let project = Project::new(&[("m.py", &m(1, port)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let pid = hmr.pid();
    hmr.wait_stdout(&format!("V 1 {pid} None"));
    for x in 2..4 {
        let reload = hmr.save_until("m.py", &m(x, port), &format!("V {x} {pid} None"));
        let said = "starts main in a new process (its port is still in use by what the last run left behind)";
        assert_eq!(
            reload.log.matches(said).count(),
            x as usize - 1,
            "{}",
            reload.log
        );
        assert_eq!(reload.stdout[..1], ["bye"], "{}", reload.log);
    }
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}
