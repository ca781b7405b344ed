#!/usr/bin/python3
"""Efficiency of a training step on many nodes, simulated: the MPI calls that the program makes, their bytes, and the times
of `tec plan` for computation and memory, replayed by SimGrid on a fat tree.

    scale.py check             do recorded runs make the calls that calls_of() says? Exit code 1 where they do not
    scale.py simulate [FILE]   prints a table, and draws FILE (.svg)

In the environment:
    BUILD      where the program was built: build
    NODES      of the table: "2 8 32 128 512"     NETWORKS   Gbit/s of a node: "10 25 100"
    CORE       GFLOP/s of a core in a step (see `tec bench --size vitb`): 60; MEMORY   GB/s of a node: 300
    JITTER     of the computation from rank to rank, a standard deviation: 0.03

A node is assumed to have 128 cores, 8 ranks of 16 threads. Nothing here is a measurement of a network. `check` needs
TEC_TEST_DATA, a folder with imagenette/train.
"""
import collections
import json
import math
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
PROGRAM = os.path.join(BUILD, "tec")
NODES = [int(n) for n in os.environ.get("NODES", "2 8 32 128 512").split()]
NETWORKS = [float(n) for n in os.environ.get("NETWORKS", "10 25 100").split()]
CORE, MEMORY = float(os.environ.get("CORE", 60)) * 1e9, float(os.environ.get("MEMORY", 300)) * 1e9
CORES, RANKS, THREADS = 128, 8, 16
BATCH, IMAGES_A_RANK = 4096, 16  # strong, weak
JITTER, STEPS = float(os.environ.get("JITTER", 0.03)), 3
UNIT = 4096  # reals; slices of a node's ranks begin at multiples of it (src/parallel/node.c)
BUCKET = 4 << 20
MODES = {"private": "every rank its own copy", "shared": "one copy per node"}

Call = collections.namedtuple("Call", "name ranks bytes")


def gradient_calls(mode, ranks, nodes, gradient):
    """Sums of a gradient of so many bytes, by the rank with the longest slice."""
    count = gradient
    if mode == "shared":
        units = -(-gradient // (4 * UNIT))
        count = min(-(-units // ranks) * 4 * UNIT, gradient)
    over = nodes if mode == "shared" else nodes * ranks
    sizes = [BUCKET] * (count // BUCKET) + [count % BUCKET] * (count % BUCKET > 0)
    return [Call("allreduce", over, size) for size in sizes] if over > 1 else []


def calls_of(mode, ranks, nodes, gradient):
    """All of a step: an agreement to go on, the gradient, its norm over the ranks of a node, the losses."""
    calls = [Call("allreduce", nodes * ranks, 4), Call("allreduce", nodes * ranks, 104)]
    if mode == "shared":
        calls += [Call("barrier", ranks, 0), Call("allreduce", ranks, 8)]
    return calls + gradient_calls(mode, ranks, nodes, gradient)


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stderr + done.stdout))
    return done.stdout + done.stderr


# -- recorded runs --


def record(here, mode, ranks, nodes, steps):
    """Calls of rank 0 in a run of so many steps, counted."""
    out = os.path.join(here, "calls")
    total = ranks * nodes
    run(["mpirun", "-n", str(total), "-x", "LD_PRELOAD=" + os.path.join(here, "record.so"), "-x", "TEC_RECORD=" + out,
         "-x", "TEC_RANKS_PER_NODE=%d" % ranks, PROGRAM, "pretrain", "-c", "configs/imagenette_mae.yaml",
         "data.train=" + os.path.join(os.environ["TEC_TEST_DATA"], "imagenette/train"), "data.val=",
         "pretrain.batch=%d" % total, "run.node_memory=" + mode, "pretrain.log_steps=1000",
         "run.dir=" + os.path.join(here, "%s-%d-%d-%d" % (mode, ranks, nodes, steps)),
         "pretrain.stop_after_steps=%d" % steps])
    with open(out) as f:
        lines = [line.split() for line in f]
    return collections.Counter({Call(name, int(size), int(count)): int(times) for times, name, size, count in lines})


def check(here):
    run(["mpicc", "-shared", "-fPIC", "-O2", "-o", os.path.join(here, "record.so"), os.path.join(HERE, "scale_record.c")])
    plan = os.path.join(here, "plan.json")
    run([PROGRAM, "plan", "-c", "configs/imagenette_mae.yaml", "--images", "9469", "--json", plan, "data.val="])
    gradient = int(memory_of(json.load(open(plan)), "gradients"))
    wrong = 0
    for mode, ranks, nodes in (("private", 2, 2), ("shared", 2, 2), ("shared", 3, 2), ("private", 1, 3)):
        few, many = record(here, mode, ranks, nodes, 2), record(here, mode, ranks, nodes, 6)
        got = {call: (times - few[call]) / 4 for call, times in many.items() if times != few[call]}
        want = dict(collections.Counter(calls_of(mode, ranks, nodes, gradient)))
        wrong += got != want
        print("%-7s %d nodes x %d ranks: %s" % (mode, nodes, ranks, "as recorded" if got == want else
                                               "recorded %s, but said %s" % (got, want)))
    sys.exit(wrong > 0)


# -- simulation --


def memory_of(plan, name):
    return next(item["bytes"] for item in plan["memory"][0]["items"] if item["name"] == name)


def write_node(path):
    """What `tec bench --json` would find on the assumed node. AdamW reads four numbers of a parameter and writes three,
    on all ranks at once."""
    json.dump({"format": "tec-bench", "version": 1, "machine": {"cores": CORES, "memory_bytes": 512e9},
               "copy_rate": MEMORY / 2,
               "runs": [{"what": "step", "size": "assumed", "ranks": RANKS, "threads": THREADS, "rate": CORE * THREADS,
                         "flops_per_image": 47.9e9, "update_seconds": 28 * RANKS / MEMORY}]}, open(path, "w"))


def plan_of(here, mode, nodes, network, batch):
    path = os.path.join(here, "plan.json")
    run([PROGRAM, "plan", "-c", "configs/vit_base.yaml", "--images", str(max(batch, 1281167)), "--nodes", str(nodes),
         "--ranks-per-node", str(RANKS), "--bench", os.path.join(here, "node.json"), "--network", str(network),
         "--json", path, "run.threads=%d" % THREADS, "run.node_memory=" + mode, "pretrain.batch=%d" % batch])
    return json.load(open(path))


def write_platform(here, share, ranks):
    """32 switches of 32 nodes, as many links up as down. share: ranks of a node that are summing beside the one shown."""
    text = """<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1"><cluster id="all" prefix="n" suffix="" radical="0-1023" speed="1Gf" core="%d" bw="%gBps" lat="1us"
 loopback_bw="%gBps" loopback_lat="200ns" topology="FAT_TREE" topo_parameters="2;32,32;1,32;1,1"
 sharing_policy="SPLITDUPLEX"/></platform>"""
    # A message inside a node is copied twice; all ranks do so at once.
    with open(os.path.join(here, "platform.xml"), "w") as f:
        f.write(text % (ranks, share, MEMORY / 4 / RANKS))


def replay(here, nodes, ranks, network, step, steps):
    """Seconds of a step. step(rank): seconds of computation, and the calls after it. One rank of a node stands for all of
    them (ranks = 1) if they do the same at the same time, with their shares of the network."""
    write_platform(here, network * 1e9 / 8 / (RANKS // ranks), ranks)
    with open(os.path.join(here, "hosts"), "w") as f:
        f.writelines("n%d\n" % (rank // ranks) for rank in range(nodes * ranks))
    with open(os.path.join(here, "trace"), "w") as f:
        for rank in range(nodes * ranks):
            f.write("%d init\n" % rank)
            for _ in range(steps):
                seconds, calls = step()
                f.write("%d compute %.0f\n" % (rank, seconds * 1e9))
                f.writelines("%d allreduce %d 0\n" % (rank, call.bytes) for call in calls)
            f.write("%d finalize\n" % rank)
    with open(os.path.join(here, "list"), "w") as f:
        f.write("trace\n")
    out = run(["smpirun", "-np", str(nodes * ranks), "-replay", "list", "-platform", "platform.xml", "-hostfile", "hosts",
               "--cfg=smpi/allreduce:mvapich2_rs", "--log=root.thres:warning", "--log=smpi_replay.thres:info"], cwd=here)
    return float(out.split("Simulation time")[1].split()[0]) / steps


def bucket_seconds(here, mode, nodes, network, known={}):
    """Of a bucket of the gradient; all of them are alike, and one follows another."""
    key = mode, nodes, network
    if key not in known:
        ranks = 1 if mode == "shared" else RANKS
        calls = [Call("allreduce", nodes * ranks, BUCKET)] * 4
        known[key] = replay(here, nodes, ranks, network, lambda: (0, calls), 1) / 4 if nodes * ranks > 1 else 0
    return known[key]


def step_seconds(here, mode, nodes, network, batch):
    """Simulated seconds of a step, and those of `tec plan`."""
    plan = plan_of(here, mode, nodes, network, batch)
    parts = {part["name"]: part["seconds"] for part in plan["time"]["parts"]}
    calls = gradient_calls(mode, RANKS, nodes, int(memory_of(plan, "gradients")))
    ranks = 1 if mode == "shared" else RANKS
    draws = RANKS // ranks  # a node's ranks wait for its slowest
    within = parts["allreduce inside a node"] if mode == "shared" or nodes == 1 else 0
    fixed = parts["AdamW"] + within
    source = random.Random(nodes)

    def step():
        late = max(source.gauss(1, JITTER) for _ in range(draws))
        return parts["forward and backward"] * late + fixed, calls[:1]

    if nodes == 1:
        steps = [max(step()[0] for _ in range(ranks)) for _ in range(100)]
        return sum(steps) / len(steps), plan["time"]["step_seconds"]
    first = replay(here, nodes, ranks, network, step, STEPS)
    rest = sum(call.bytes for call in calls[1:]) / BUCKET * bucket_seconds(here, mode, nodes, network)
    return first + rest, plan["time"]["step_seconds"]


def measure(here, network, mode, kind):
    """For each number of nodes: efficiency, simulated seconds, planned seconds."""
    batch = {"strong": lambda nodes: BATCH, "weak": lambda nodes: IMAGES_A_RANK * RANKS * nodes}[kind]
    alone = step_seconds(here, "shared", 1, network, batch(1))[0]
    rows = {}
    for nodes in NODES:
        if batch(nodes) < nodes * RANKS:
            continue
        simulated, planned = step_seconds(here, mode, nodes, network, batch(nodes))
        rows[nodes] = alone * batch(nodes) / batch(1) / nodes / simulated, simulated, planned
    return rows


def simulate(here, drawing):
    write_node(os.path.join(here, "node.json"))
    print("| | Gbit/s | weights | " + " | ".join("%d nodes" % nodes for nodes in NODES) + " |\n" + "|---" * (3 + len(NODES)) + "|")
    curves, off = {}, []
    for kind in ("strong", "weak"):
        for network in NETWORKS:
            for mode in MODES:
                rows = measure(here, network, mode, kind)
                cells = ["%.2f" % rows[nodes][0] if nodes in rows else "" for nodes in NODES]
                print("| %s | %g | %s | %s |" % (kind, network, MODES[mode], " | ".join(cells)), flush=True)
                off += [planned / simulated for _, simulated, planned in rows.values()]
                if network == max(NETWORKS):
                    curves[kind, mode] = {nodes: row[0] for nodes, row in rows.items()}
    off.sort()
    print("\n`tec plan` over the simulation, seconds of a step: %.2f to %.2f, median %.2f" %
          (off[0], off[-1], off[len(off) // 2]))
    if drawing:
        with open(drawing, "w") as f:
            f.write(draw(curves))


def draw(curves):
    """Efficiency over nodes."""
    width, height, left, top = 640, 320, 50, 20
    most = math.log2(max(NODES))
    x = lambda nodes: left + math.log2(nodes) / most * (width - left - 190)
    y = lambda value: top + (1 - value) * (height - top - 45)
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">' %
             (width, height), '<rect width="100%" height="100%" fill="white"/>',
             '<text x="%d" y="%d">nodes of %d ranks; simulated, %g Gbit/s</text>' % (left, height - 8, RANKS, max(NETWORKS))]
    for tenth in range(0, 11, 2):
        lines.append('<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.1f</text>' %
                     (left, y(tenth / 10), x(max(NODES)), left - 6, y(tenth / 10) + 4, tenth / 10))
    lines += ['<text x="%.1f" y="%d" text-anchor="middle">%d</text>' % (x(n), height - 28, n) for n in NODES]
    for i, ((kind, mode), curve) in enumerate(curves.items()):
        colour = {"private": "#d95f02", "shared": "#1b7fb4"}[mode]
        dash = {"strong": "", "weak": ' stroke-dasharray="6 4"'}[kind]
        points = " ".join("%.1f,%.1f" % (x(nodes), y(value)) for nodes, value in curve.items())
        lines.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>' % (points, colour, dash))
        lines.append('<path d="M%d %dh24" stroke="%s" stroke-width="2"%s/><text x="%d" y="%d">%s, %s</text>' %
                     (width - 180, 40 + 20 * i, colour, dash, width - 150, 44 + 20 * i, kind, MODES[mode]))
    return "\n".join(lines + ["</svg>"]) + "\n"


with tempfile.TemporaryDirectory(prefix="tec-scale-") as folder:
    if sys.argv[1:] == ["check"]:
        check(folder)
    elif sys.argv[1:2] == ["simulate"] and len(sys.argv) < 4:
        simulate(folder, sys.argv[2] if len(sys.argv) == 3 else None)
    else:
        sys.exit(__doc__)
