# What a build may leave out. What was left out says so when somebody asks for it.
#
#   gpuvigil_part(NAME "what it is")    -DGPUVIGIL_WITH_NAME=OFF leaves it out
function(gpuvigil_part name what)
  option(GPUVIGIL_WITH_${name} "${what}" ON)
endfunction()

gpuvigil_part(AGENTS "The socket at which programs report themselves, and what does it in them")
gpuvigil_part(API_DOCS "The page /docs, with Swagger UI from npm")
gpuvigil_part(DASHBOARD "The dashboard at /, built with npm")
gpuvigil_part(DEMO "The simulated machine")
gpuvigil_part(DRM "Cards of AMD and Intel by what the kernel shows of them")
gpuvigil_part(NVML "Devices by NVIDIA's management library, which is loaded where it is found")
gpuvigil_part(SDK "libgpuvigil, libgpuvigil_client and their headers")
