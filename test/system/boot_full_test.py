"""How long a Corps takes to come up and to go, measured from outside with the release build; and what takes too long for every day."""

import os
import signal
import statistics
import subprocess
import tempfile
import time
import unittest

import corps_kit
import kit

REPETITIONS = 9
CAF_HELLO = """
#include <caf/all.hpp>
#include <iostream>
#include <string>
using namespace caf;
behavior mirror(event_based_actor* self) {
  return {[=](const std::string& what) -> std::string {
    aout(self) << what << std::endl;
    return std::string{what.rbegin(), what.rend()};
  }};
}
void hello_world(event_based_actor* self, const actor& buddy) {
  self->request(buddy, std::chrono::seconds(10), "Hello World!").then([=](const std::string& what) { aout(self) << what << std::endl; });
}
void caf_main(actor_system& sys) {
  auto mirror_actor = sys.spawn(mirror);
  sys.spawn(hello_world, mirror_actor);
}
CAF_MAIN()
"""


class BootTimes(corps_kit.CorpsCase):
    def times(self, envs):
        """Milliseconds from `corps boot` to ready, and from the order to stop to the last process gone."""
        config = self.file("app.toml", f'[corps]\nprogram = "{corps_kit.program("lifecycle")}"\nenvs = {envs}\n[log]\nlevel = "warn"\n')
        running = self.start([kit.build("bin/corps"), "boot", config, "--", "serve"])
        _, _, ready = running.wait_line("^ready$", corps_kit.READY_S)
        pids = [int(line.text.rsplit(" ", 1)[1]) for line in running.lines() if line.text.startswith("env ")]
        self.assertEqual(len(pids), envs)
        begin = time.monotonic()
        running.signal(signal.SIGTERM)
        running.wait(10)
        kit.eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 5)
        return (ready.at - running.started_at) * 1000, (running.ended_at - begin) * 1000

    def measure(self, envs, up_ms, gone_ms):
        times = [self.times(envs) for _ in range(REPETITIONS)]
        up = statistics.median(time for time, _ in times)
        gone = statistics.median(time for _, time in times)
        print(f"{envs} envs: ready {up:.0f} ms after `corps boot` (worst {max(times)[0]:.0f}), "
              f"gone {gone:.0f} ms after the order (worst {max(time for _, time in times):.0f})")
        self.assertLess(up, up_ms)
        self.assertLess(gone, gone_ms)

    def test_eight_envs(self):
        self.measure(8, 50, 50)

    def test_sixty_four_envs(self):
        self.measure(64, 400, 400)

    def test_the_first_program_compiles_in_half_the_time_of_cafs(self):
        with tempfile.TemporaryDirectory() as folder:
            caf = os.path.join(folder, "caf_hello.cpp")
            with open(caf, "w", encoding="utf-8") as file:
                file.write(CAF_HELLO)
            hello = kit.source("examples/hello/hello.cpp")
            flags = ["-std=c++20", "-O1", "-I" + kit.SOURCE_DIR, "-c", "-o", os.path.join(folder, "hello.o")]

            def seconds(source):
                begin = time.monotonic()
                subprocess.run(["g++", *flags, source], check=True)
                return time.monotonic() - begin

            pairs = [(seconds(hello), seconds(caf)) for _ in range(4)][1:]
        ours, theirs = (statistics.median(times) for times in zip(*pairs))
        print(f"hello.cpp compiles in {ours:.2f} s, CAF's in {theirs:.2f} s: {ours / theirs:.2f} of it")
        self.assertLessEqual(ours, 0.5 * theirs)


class LongStorms(corps_kit.CorpsCase):
    def test_many_boots_of_all_calling_all(self):
        for envs, count, times in ((2, 300, 40), (3, 50, 40), (8, 30, 40), (64, 5, 8)):
            for carrier in ("unix", "tcp"):
                for _ in range(times):
                    running = self.boot("storm", count, envs=envs, settings=[f"net.carrier={carrier}"])
                    self.assertEqual(running.wait(60), 0, running.report())
                    self.assertRegex(running.lines()[-1].text, rf"^{envs} envs, 0 failed, ", running.report())

    def test_the_word_of_a_death_with_much_memory(self):
        for mib in (10, 1024):
            running = self.boot("kill_envs", 3, mib, envs=6)
            self.assertEqual(running.wait(60), 0, running.report())
            print(f"{mib} MiB in the Env that is killed:", *(line.text.split(" | ")[0] for line in running.lines() if "ended" in line.text), sep="\n  ")


if __name__ == "__main__":
    unittest.main()
