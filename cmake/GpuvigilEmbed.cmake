# gpuvigil_embed(gpuvigil_api NAME docs_css FILE docs_page/docs.css)
# Builds the file, compressed, into a module as the bytes between gpuvigil_embedded_<NAME> and
# gpuvigil_embedded_<NAME>_end. FILE may be made by another rule.
function(gpuvigil_embed target)
  cmake_parse_arguments(arg "" "NAME;FILE" "" ${ARGN})
  get_filename_component(file "${arg_FILE}" ABSOLUTE)
  set(packed "${CMAKE_CURRENT_BINARY_DIR}/embedded/${arg_NAME}.gz")
  set(symbol "gpuvigil_embedded_${arg_NAME}")
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/embedded")
  # -n: neither name nor time, so that the same file always gives the same bytes.
  add_custom_command(OUTPUT "${packed}" DEPENDS "${file}" VERBATIM
                     COMMAND sh -c "gzip -9nc \"$1\" > \"$2\"" sh "${file}" "${packed}")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/embedded/${arg_NAME}.S")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
"  .section .rodata
  .global @symbol@
  .global @symbol@_end
@symbol@:
  .incbin \"@arg_NAME@.gz\"
@symbol@_end:
  .byte 0
  .section .note.GNU-stack,\"\",@progbits
")
  set_source_files_properties("${source}" PROPERTIES
    OBJECT_DEPENDS "${packed}" INCLUDE_DIRECTORIES "${CMAKE_CURRENT_BINARY_DIR}/embedded")
  target_sources(${target} PRIVATE "${source}")
endfunction()

# gpuvigil_npm_folder(docs_page OUTPUT_VARIABLE): installs what FOLDER/package-lock.json names,
# exactly, below the build folder, and gives the path of its node_modules.
function(gpuvigil_npm_folder folder variable)
  find_program(GPUVIGIL_NPM npm)
  if(NOT GPUVIGIL_NPM)
    message(FATAL_ERROR "npm is needed for the page that shows the API; install it, "
                        "or configure with -DGPUVIGIL_WITH_API_DOCS=OFF")
  endif()
  get_filename_component(from "${folder}" ABSOLUTE)
  set(to "${CMAKE_CURRENT_BINARY_DIR}/npm/${folder}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${from}/package-lock.json")
  file(SHA256 "${from}/package-lock.json" wanted)
  set(stamp "${to}/installed")
  set(installed "")
  if(EXISTS "${stamp}")
    file(READ "${stamp}" installed)
  endif()
  if(NOT installed STREQUAL wanted)
    file(COPY "${from}/package.json" "${from}/package-lock.json" DESTINATION "${to}")
    execute_process(COMMAND "${GPUVIGIL_NPM}" ci --ignore-scripts --no-audit --no-fund
                    WORKING_DIRECTORY "${to}" RESULT_VARIABLE failed
                    OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed)
      message(FATAL_ERROR "npm could not install what package-lock.json of ${folder} names:\n"
                          "${output}\n"
                          "Without a network configure with -DGPUVIGIL_WITH_API_DOCS=OFF")
    endif()
    file(WRITE "${stamp}" "${wanted}")
  endif()
  set(${variable} "${to}/node_modules" PARENT_SCOPE)
endfunction()

# gpuvigil_web_bundle(OUTPUT_VARIABLE index.html assets/app.js): builds the dashboard into build/web
# of the sources, which all builds of them share, and gives the folder that holds those files.
# tools/web_bundle looks at the sources' content each time and does nothing where it is known.
function(gpuvigil_web_bundle variable)
  set(out "${PROJECT_SOURCE_DIR}/build/web")
  list(TRANSFORM ARGN PREPEND "${out}/dist/" OUTPUT_VARIABLE files)
  add_custom_target(web_bundle BYPRODUCTS ${files} VERBATIM
                    COMMAND "${GPUVIGIL_PYTHON}" "${PROJECT_SOURCE_DIR}/tools/web_bundle"
                            "${out}" ${ARGN}
                    COMMENT "The dashboard, where it has changed")
  set(${variable} "${out}/dist" PARENT_SCOPE)
endfunction()
