// SPDX-License-Identifier: Apache-2.0
#include "collect/xid.h"

#include <algorithm>
#include <array>

namespace gpuvigil {
namespace {

constexpr auto kInfo = EventSeverity::kInfo;
constexpr auto kWarning = EventSeverity::kWarning;
constexpr auto kCritical = EventSeverity::kCritical;

constexpr std::string_view kLookAtProgram = "look for the fault in the program that ran";
constexpr std::string_view kReset = "end what runs on the GPU and reset it";
constexpr std::string_view kReport =
    "reset the GPU; if it comes again, collect nvidia-bug-report.sh and ask the vendor";
constexpr std::string_view kReboot =
    "restart the machine; if it comes again, check the seat, the "
    "power and the slot of the GPU";

constexpr std::array kXids = {
    Xid{8, kWarning, false, "a channel of the GPU timed out", kLookAtProgram},
    Xid{13, kWarning, false, "a program made the graphics engine fail", kLookAtProgram},
    Xid{31, kWarning, false, "a program accessed memory that is not its own", kLookAtProgram},
    Xid{32, kWarning, true, "the stream of commands was corrupted",
        "look for errors of PCI Express; update the driver"},
    Xid{38, kWarning, true, "the firmware of the driver failed", "update the driver"},
    Xid{43, kInfo, false, "a program was ended after an error of its own", kLookAtProgram},
    Xid{44, kCritical, true, "the graphics engine failed during a context switch", kReport},
    Xid{45, kInfo, false, "a program was ended, often after another error", ""},
    Xid{46, kCritical, true, "the GPU stopped to work on commands", kReport},
    Xid{48, kCritical, true, "device memory had an error that cannot be corrected", kReset},
    Xid{54, kCritical, true, "auxiliary power is not connected",
        "connect the power cables of the GPU"},
    Xid{56, kCritical, true, "the display engine failed", kReport},
    Xid{57, kCritical, true, "the video memory interface failed", kReport},
    Xid{58, kCritical, true, "the video memory interface is unstable", kReport},
    Xid{61, kCritical, true, "a microcontroller of the GPU stopped", kReset},
    Xid{62, kCritical, true, "a microcontroller of the GPU stopped", kReset},
    Xid{63, kWarning, true, "a row or page of memory is taken out of use",
        "reset the GPU when its work is done, so that it takes effect"},
    Xid{64, kCritical, true, "a row or page of memory could not be taken out of use",
        "reset the GPU; if it comes again, have it replaced"},
    Xid{68, kWarning, false, "the video decoder failed", kLookAtProgram},
    Xid{69, kWarning, false, "a program made the graphics engine fail", kLookAtProgram},
    Xid{74, kCritical, true, "an NVLink failed",
        "look at the links (nvidia-smi nvlink -e), reset the GPU, check the bridge or the switch"},
    Xid{79, kCritical, true, "the GPU has fallen off the bus", kReboot},
    Xid{92, kWarning, true, "corrected memory errors come very often",
        "plan a check of its memory"},
    Xid{94, kWarning, true, "a memory error was contained to one program",
        "start that program again; reset the GPU when its work is done"},
    Xid{95, kCritical, true, "a memory error was not contained", kReset},
    Xid{109, kWarning, true, "a context switch timed out", kReport},
    Xid{110, kCritical, true, "the security of the GPU detected a fault", kReport},
    Xid{119, kCritical, true, "the system processor of the GPU does not answer", kReport},
    Xid{120, kCritical, true, "the system processor of the GPU failed", kReport},
    Xid{121, kWarning, true, "the link to the processor was corrected",
        "reset the GPU when its work is done"},
    Xid{122, kWarning, true, "the GPU cannot read its configuration memory", kReport},
    Xid{123, kWarning, true, "the power management of the GPU failed", kReset},
    Xid{136, kWarning, true, "an NVLink could not be set up", kReset},
    Xid{137, kWarning, false, "a program accessed remote memory that is not its own",
        kLookAtProgram},
    Xid{140, kCritical, true, "memory had an error that cannot be corrected and nobody used",
        kReset},
    Xid{143, kCritical, true, "the GPU could not be initialised", kReboot},
    Xid{144, kWarning, true, "an NVLink has errors", kReset},
    Xid{145, kWarning, true, "an NVLink has errors", kReset},
    Xid{149, kWarning, true, "an NVLink has errors", kReset},
    Xid{154, kWarning, true, "the driver asks for a recovery of the GPU",
        "do what the recovery action of the device says"},
    Xid{171, kWarning, true, "memory errors come very often", "plan a check of its memory"},
};

constexpr Xid kUnknown{0, kWarning, false, "the driver logged an error that is not known here",
                       "look it up in NVIDIA's list of XIDs"};

static_assert(std::ranges::is_sorted(kXids, {}, &Xid::number));

}  // namespace

std::span<const Xid> known_xids() {
  return kXids;
}

const Xid& xid_of(std::uint64_t number) {
  const auto found = std::ranges::find(kXids, number, &Xid::number);
  return found == kXids.end() ? kUnknown : *found;
}

}  // namespace gpuvigil
