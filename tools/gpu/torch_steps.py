# SPDX-License-Identifier: Apache-2.0
"""A training step of PyTorch, for tools/gpu_check.

usage: torch_steps.py time                 milliseconds of a step, as JSON
       torch_steps.py profile SECONDS      steps, steps under torch.profiler, SECONDS of nothing,
                                           steps; what the profiler saw, as JSON
"""
import json
import sys
import time

import torch
import torch.nn as nn

WIDTH, DEPTH, BATCH = 512, 8, 64


def make_step():
    torch.manual_seed(1)
    layers = []
    for _ in range(DEPTH):
        layers += [nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH)]
    model = nn.Sequential(*layers).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), foreach=False)
    inputs = torch.randn(BATCH, WIDTH, device="cuda")

    def step():
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return step


def run(step, count):
    for _ in range(count):
        step()
    torch.cuda.synchronize()


def main():
    step = make_step()
    run(step, 20)
    if sys.argv[1] == "time":
        begin = time.perf_counter()
        run(step, 200)
        print(json.dumps({"ms": (time.perf_counter() - begin) * 1000 / 200}))
        return
    run(step, 50)
    time.sleep(2)
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        run(step, 50)
        time.sleep(8)
        run(step, 1)
    kernels = sum(1 for event in profile.events()
                  if event.device_type == torch.autograd.DeviceType.CUDA)
    print(json.dumps({"event": "profiled", "profiled_kernels": kernels}), flush=True)
    time.sleep(float(sys.argv[2]))
    run(step, 50)
    time.sleep(2)
    print(json.dumps({"event": "done"}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
