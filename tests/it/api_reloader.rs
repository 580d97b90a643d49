//! `hmr.Reloader`: the engine in a program of one's own, under plain Python.

use hmr_tests::{Project, run_plain};

/// What every program here begins with: `save` writes a file from another process, as an editor does.
const TOOLS: &str = "import hmr, subprocess, sys\n\
    def save(path, text):\n    subprocess.run([sys.executable, '-c', \
    'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])', path, text], check=True)\n";

/// Runs `program` in a project of three files, and says what it printed.
#[track_caller]
fn embedding(program: &str) -> Vec<String> {
    let project = Project::new(&[
        (
            "app.py",
            "import hmr, m\nprint('app', m.N, hmr.is_hot())\nhmr.on_dispose(lambda: print('ended', m.N))\n",
        ),
        ("m.py", "from config import N\nprint('m', N)\n"),
        ("config.py", "N = 1\n"),
    ]);
    let output = run_plain(&project.root(), &format!("{TOOLS}{program}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "plain Python says {}: {}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_reloader_runs_watches_and_reloads_until_its_block_ends() {
    let program = "with hmr.Reloader('app.py') as reloader:\n    \
        print('first', reloader.first.ran, reloader.closed)\n    \
        save('config.py', 'N = 2\\n')\n    \
        update = reloader.wait(60)\n    print(update.ran, [file.name for file in update.files])\n    \
        print(reloader.wait(0))\n    \
        save('m.py', 'N = = 3\\n')\n    \
        for update in reloader:\n        print(update.ran, [name for name, _ in update.failed], reloader.pending)\n        \
        if update.failed:\n            save('m.py', 'N = 3\\n')\n        else:\n            break\n    \
        print('leaves')\n\
        print(reloader.closed, list(reloader), reloader.wait_for_saves(1))\n\
        for wrong in (reloader.__enter__, lambda: reloader.update([])):\n    try:\n        wrong()\n    \
        except RuntimeError as error:\n        print(error)\n";
    assert_eq!(
        embedding(program),
        [
            "m 1",
            "app 1 True",
            "first ['config', 'm', '__main__'] False",
            "m 2",
            "ended 2",
            "app 2 True",
            "['config', 'm', '__main__'] ['config.py']",
            "None",
            "['m'] ['m'] ['m']",
            "ended 3",
            "app 3 True",
            "['m', '__main__'] [] []",
            "leaves",
            "ended 3",
            "True [] []",
            "a reloader can be entered once, as its program runs in this process once",
            "the reloader is closed: its program has ended",
        ]
    );
}

#[test]
fn a_reloader_reloads_on_the_event_loop_while_other_tasks_run() {
    let program = "import asyncio, threading\n\
        async def ticks(seen):\n    while True:\n        seen.append(threading.current_thread())\n        await asyncio.sleep(0)\n\
        async def main():\n    seen = []\n    task = asyncio.create_task(ticks(seen))\n    \
        async with hmr.Reloader('app.py') as reloader:\n        \
        hmr.on('after-reload', lambda update: print(threading.current_thread() is threading.main_thread()))\n        \
        await asyncio.to_thread(save, 'config.py', 'N = 2\\n')\n        \
        async for update in reloader:\n            print(update.ran)\n            \
        if 'config' in update.ran:\n                break\n        \
        before = len(seen)\n        wait = asyncio.create_task(reloader.__anext__())\n        \
        await asyncio.sleep(0.2)\n        print(len(seen) > before, wait.done())\n        wait.cancel()\n    \
        task.cancel()\n    \
        async for update in reloader:\n        print('never')\n    print('end')\n\
        asyncio.run(main())\n";
    assert_eq!(
        embedding(program),
        [
            "m 1",
            "app 1 True",
            "m 2",
            "ended 2",
            "app 2 True",
            "True",
            "['config', 'm', '__main__']",
            "True False",
            "ended 2",
            "end",
        ]
    );
}

#[test]
fn a_reloader_that_is_not_entered_watches_nothing() {
    let program = "reloader = hmr.Reloader('app.py')\n\
        try:\n    reloader.wait(1)\nexcept RuntimeError as error:\n    print(error)\n\
        print(reloader.run().ran, reloader.first)\n";
    assert_eq!(
        embedding(program),
        [
            "nothing is watched: use the reloader in a `with` statement",
            "m 1",
            "app 1 True",
            "['config', 'm', '__main__'] None",
            "ended 1",
        ]
    );
}
