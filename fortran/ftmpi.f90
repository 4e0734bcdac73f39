! SPDX-License-Identifier: BSD-3-Clause
!
! ftmpi.f90 - module ftmpi: ftmpi.h for Fortran programs that use mpi_f08.
!
!     use mpi_f08
!     use ftmpi                                        ! brings module ft along
!     call FTMPI_Keep('field', field)
!     call FTMPI_Commit(step, ierror)
!
! Names, arguments and results are those of ftmpi.h (man ftmpi.3), as mpi_f08 has those of mpi.h:
! communicators are type(MPI_Comm), ierror comes last and may be left out, buffers are of any type
! and rank. What mpi_f08 does not need is not there: C's FTMPI_Keep(name, NULL, 0) is
! FTMPI_Forget(name), and FTMPI_Keep(NULL, NULL, 0) is FTMPI_Keep_for_others().
!
! FTMPI_Loop and FTMPI_Set_callback take procedures of Fortran's own; C's arg is not there, since
! these have module variables and their host's. What FTMPI_Loop says of C's stack is true here, too:
! after a loss the MPI call that was interrupted does not return, and body is called again
! (longjmp). The variables of body, and of all that it had called, are gone without an end: what
! they had allocated is never deallocated, and nothing is finalized. So what a body allocates, opens
! or creates had better belong to what calls FTMPI_Loop: to a module or to the host. A statement
! that was under way (an MPI call as a part of a print or write statement) is never finished: no MPI
! call belongs there. An internal procedure can be given as long as its host has not returned, a
! module procedure always.
!
! Programs that `use mpi` or include mpif.h can use this module, too: of mpi_f08 it hands on
! nothing. A communicator's number, which those use, is comm%MPI_VAL here.
!
! A buffer that is kept has to be contiguous and to stay where it is, and its variable should have
! the asynchronous (or target) attribute: it is read at each commit and written by a fetch, when the
! compiler sees no use of it. That is also why these arguments have no intent here: with intent(in)
! a compiler may take it that nobody remembers them. ftmpi_c.c is the other half.
!
module ftmpi
    use, intrinsic :: iso_c_binding
    use mpi_f08, only: MPI_Comm, MPI_SUCCESS
    use ft
    implicit none
    public
    private :: MPI_Comm, MPI_SUCCESS

    integer, parameter :: FTMPI_KEEP_NAME_MAX = 64, FTMPI_KEEP_BUFFERS_MAX = 256, FTMPI_LATEST = -1
    integer, parameter :: FTMPI_KEEP_SAME_NODE = 0, FTMPI_KEEP_OTHER_NODE = 1, &
        FTMPI_KEEP_OTHER_RACK = 2
    integer, parameter :: FTMPI_LOST_MAX = 64, FTMPI_RETURN_ERROR = 0, FTMPI_REPEAT = 1
    integer, parameter :: FTMPI_STEP_NOTICED = 0, FTMPI_STEP_SHRUNK = 1, FTMPI_STEP_ASKED = 2, &
        FTMPI_STEP_JOINED = 3, FTMPI_STEP_REBUILT = 4, FTMPI_STEP_AGREED = 5, FTMPI_STEPS = 6

    type :: FTMPI_Standin_t
        logical :: is_standin = .false.
        integer(c_int64_t) :: decision = 0
        integer :: epoch = 0
        integer :: rank = -1
        character(FT_NAME_MAX) :: job = ''
        type(MPI_Comm) :: comm
    end type

    type, bind(C) :: FTMPI_Kept_t
        integer(c_int) :: rank
        integer(c_int) :: versions_n
        integer(c_int) :: versions(2)
        integer(c_int64_t) :: bytes
        integer(c_int) :: partner
        character(kind=c_char) :: node(FT_NAME_MAX)
        integer(c_int) :: distance
    end type

    type :: FTMPI_Repair_t
        integer :: repairs = 0
        logical :: is_replacement = .false.
        integer :: rank = -1, world_n = 0, before_n = 0, lost_n = 0
        integer :: lost(FTMPI_LOST_MAX) = 0
        double precision :: step_ms(0:FTMPI_STEPS - 1) = 0
    end type

    type, bind(C) :: c_repair_t
        integer(c_int) :: repairs, is_replacement, rank, world_n, before_n, lost_n
        integer(c_int) :: lost(FTMPI_LOST_MAX)
        real(c_double) :: step_ms(FTMPI_STEPS)
    end type
    private :: c_repair_t

    abstract interface
        ! ierror is MPI_SUCCESS when it is called; what it is then is what FTMPI_Loop gives.
        subroutine FTMPI_Body(repair, ierror)
            import :: FTMPI_Repair_t
            type(FTMPI_Repair_t), intent(in) :: repair
            integer, intent(inout) :: ierror
        end subroutine
        ! action: FTMPI_RETURN_ERROR, which it is when it is called, or FTMPI_REPEAT.
        subroutine FTMPI_Callback(repair, action)
            import :: FTMPI_Repair_t
            type(FTMPI_Repair_t), intent(in) :: repair
            integer, intent(inout) :: action
        end subroutine
    end interface

    ! How C's arg finds the way to a procedure of Fortran's.
    type :: body_t
        procedure(FTMPI_Body), pointer, nopass :: is => null()
    end type
    type :: callback_t
        procedure(FTMPI_Callback), pointer, nopass :: is => null()
    end type
    type(callback_t), target :: callback_now
    private :: body_t, callback_t, callback_now

    interface FTMPI_Reach
        module procedure reach_default, reach_long
    end interface
    interface FTMPI_Next_peer
        module procedure next_peer_default, next_peer_long
    end interface
    interface FTMPI_Commit_wait
        module procedure commit_wait_default, commit_wait_long
    end interface
    interface FTMPI_Fetch
        module procedure fetch_default, fetch_long
    end interface
    interface FTMPI_Kept
        module procedure kept_default, kept_long
    end interface
    interface FTMPI_Fetch_common
        module procedure fetch_common_default, fetch_common_long
    end interface
    private :: fetch_common_default, fetch_common_long, repair_of, call_back, call_body
    private :: reach_default, reach_long, next_peer_default, next_peer_long, commit_wait_default, &
        commit_wait_long, fetch_default, fetch_long, kept_default, kept_long

    interface
        integer(c_int) function ftmpi_f_reach(handle, reply, command, args_n, arg_length, args, &
                T, comm, rank, step_ms) bind(C)
            import
            type(ftHandle_t), value :: handle
            type(ftReply_t), intent(in) :: reply
            character(kind=c_char), intent(in) :: command(*), args(*)
            integer(c_int), value :: args_n, arg_length
            integer(c_int64_t), value :: T
            integer(c_int), intent(out) :: comm, rank
            real(c_double), intent(out) :: step_ms(2)
        end function
        integer(c_int) function ftmpi_f_standin(is_standin, decision, epoch, rank, job, &
                comm) bind(C)
            import
            integer(c_int), intent(out) :: is_standin, epoch, rank
            integer(c_int64_t), intent(out) :: decision
            character(kind=c_char), intent(out) :: job(FT_NAME_MAX)
            integer(c_int), intent(out) :: comm
        end function
        integer(c_int) function ftmpi_f_next_peer(T, comm) bind(C)
            import
            integer(c_int64_t), value :: T
            integer(c_int), intent(out) :: comm
        end function
        integer(c_int) function ftmpi_f_leave(comm) bind(C)
            import
            integer(c_int), intent(inout) :: comm
        end function
        integer(c_int) function c_is_failing(resource) bind(C, name='FTMPI_Is_failing')
            import
            type(ftResource_t), value :: resource
        end function
        integer(c_int) function ftmpi_f_keep(name, buffer) bind(C)
            import
            character(kind=c_char), intent(in) :: name(*)
            type(*), dimension(..), asynchronous :: buffer
        end function
        integer(c_int) function c_keep(name, buffer, bytes) bind(C, name='FTMPI_Keep')
            import
            type(c_ptr), value :: name, buffer
            integer(c_size_t), value :: bytes
        end function
        integer(c_int) function c_commit(version) bind(C, name='FTMPI_Commit')
            import
            integer(c_int), value :: version
        end function
        integer(c_int) function c_commit_begin(version) bind(C, name='FTMPI_Commit_begin')
            import
            integer(c_int), value :: version
        end function
        integer(c_int) function c_commit_end() bind(C, name='FTMPI_Commit_end')
            import
        end function
        integer(c_int) function c_commit_wait(T) bind(C, name='FTMPI_Commit_wait')
            import
            integer(c_int64_t), value :: T
        end function
        integer(c_int) function c_fetch(version, T, fetched) bind(C, name='FTMPI_Fetch')
            import
            integer(c_int), value :: version
            integer(c_int64_t), value :: T
            integer(c_int), intent(inout) :: fetched
        end function
        integer(c_int) function ftmpi_f_fetch_buffer(rank, name, version, buffer, bytes, T) bind(C)
            import
            integer(c_int), value :: rank, version
            character(kind=c_char), intent(in) :: name(*)
            type(*), dimension(..) :: buffer
            integer(c_int64_t), intent(out) :: bytes
            integer(c_int64_t), value :: T
        end function
        integer(c_int) function c_kept(rank, T, kept) bind(C, name='FTMPI_Kept')
            import
            integer(c_int), value :: rank
            integer(c_int64_t), value :: T
            type(FTMPI_Kept_t), intent(out) :: kept
        end function
        integer(c_int) function c_set_callback(callback, arg) bind(C, name='FTMPI_Set_callback')
            import
            type(c_funptr), value :: callback
            type(c_ptr), value :: arg
        end function
        integer(c_int) function c_loop(body, arg) bind(C, name='FTMPI_Loop')
            import
            type(c_funptr), value :: body
            type(c_ptr), value :: arg
        end function
        integer(c_int) function c_settle() bind(C, name='FTMPI_Settle')
            import
        end function
        integer(c_int) function c_last_repair(repair) bind(C, name='FTMPI_Last_repair')
            import
            type(c_repair_t), intent(inout) :: repair
        end function
        integer(c_int) function c_fetch_common(T, version) bind(C, name='FTMPI_Fetch_common')
            import
            integer(c_int64_t), value :: T
            integer(c_int), intent(inout) :: version
        end function
        integer(c_int) function ftmpi_f_last_error(text, n) bind(C)
            import
            character(kind=c_char), intent(out) :: text(*)
            integer(c_int), value :: n
        end function
    end interface
    private :: ftmpi_f_reach, ftmpi_f_standin, ftmpi_f_next_peer, ftmpi_f_leave, c_is_failing, &
        ftmpi_f_keep, c_keep, c_commit, c_commit_begin, c_commit_end, c_commit_wait, c_fetch, &
        ftmpi_f_fetch_buffer, c_kept, c_set_callback, c_loop, c_settle, c_last_repair, &
        c_fetch_common, ftmpi_f_last_error

contains

    ! args: the program's arguments, one an element, without trailing blanks; may be of size 0.
    subroutine reach_long(handle, reply, command, args, T, comm, rank, step_ms, ierror)
        type(ftHandle_t), intent(in) :: handle
        type(ftReply_t), intent(in) :: reply
        character(*), intent(in) :: command, args(:)
        integer(c_int64_t), intent(in) :: T
        type(MPI_Comm), intent(out) :: comm
        integer, intent(out) :: rank
        double precision, intent(out), optional :: step_ms(2)
        integer, intent(out), optional :: ierror
        character(kind=c_char), allocatable :: chars(:)
        real(c_double) :: steps(2)
        integer(c_int) :: rc
        integer :: i, j

        allocate (chars(max(1, size(args) * len(args))))
        do i = 1, size(args)
            do j = 1, len(args)
                chars((i - 1) * len(args) + j) = args(i)(j:j)
            end do
        end do
        rc = ftmpi_f_reach(handle, reply, ft_chars(command), size(args, kind=c_int), &
            int(len(args), c_int), chars, T, comm%MPI_VAL, rank, steps)
        if (present(step_ms)) step_ms = steps
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine reach_default(handle, reply, command, args, T, comm, rank, step_ms, ierror)
        type(ftHandle_t), intent(in) :: handle
        type(ftReply_t), intent(in) :: reply
        character(*), intent(in) :: command, args(:)
        integer, intent(in) :: T
        type(MPI_Comm), intent(out) :: comm
        integer, intent(out) :: rank
        double precision, intent(out), optional :: step_ms(2)
        integer, intent(out), optional :: ierror

        call reach_long(handle, reply, command, args, int(T, c_int64_t), comm, rank, step_ms, &
            ierror)
    end subroutine

    subroutine FTMPI_Standin(who, ierror)
        type(FTMPI_Standin_t), intent(out) :: who
        integer, intent(out), optional :: ierror
        character(kind=c_char) :: job(FT_NAME_MAX)
        integer(c_int) :: rc, is_standin

        rc = ftmpi_f_standin(is_standin, who%decision, who%epoch, who%rank, job, who%comm%MPI_VAL)
        who%is_standin = is_standin /= 0
        who%job = ft_text(job)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine next_peer_long(T, comm, ierror)
        integer(c_int64_t), intent(in) :: T
        type(MPI_Comm), intent(out) :: comm
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = ftmpi_f_next_peer(T, comm%MPI_VAL)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine next_peer_default(T, comm, ierror)
        integer, intent(in) :: T
        type(MPI_Comm), intent(out) :: comm
        integer, intent(out), optional :: ierror

        call next_peer_long(int(T, c_int64_t), comm, ierror)
    end subroutine

    subroutine FTMPI_Leave(comm, ierror)
        type(MPI_Comm), intent(inout) :: comm
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = ftmpi_f_leave(comm%MPI_VAL)
        if (present(ierror)) ierror = rc
    end subroutine

    logical function FTMPI_Is_failing(resource)
        type(ftResource_t), intent(in) :: resource

        FTMPI_Is_failing = c_is_failing(resource) /= 0
    end function

    ! ---------------------------------------------------------------- state for the replacement

    ! MPI_ERR_BUFFER: the buffer is not contiguous, or of assumed size.
    subroutine FTMPI_Keep(name, buffer, ierror)
        character(*), intent(in) :: name
        type(*), dimension(..), asynchronous :: buffer
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = ftmpi_f_keep(ft_chars(name), buffer)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Forget(name, ierror)
        character(*), intent(in) :: name
        integer, intent(out), optional :: ierror
        character(kind=c_char), allocatable, target :: chars(:)
        integer(c_int) :: rc

        chars = ft_chars(name)
        rc = c_keep(c_loc(chars), c_null_ptr, 0_c_size_t)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Keep_for_others(ierror)
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_keep(c_null_ptr, c_null_ptr, 0_c_size_t)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Commit(version, ierror)
        integer, intent(in) :: version
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_commit(int(version, c_int))
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Commit_begin(version, ierror)
        integer, intent(in) :: version
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_commit_begin(int(version, c_int))
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Commit_end(ierror)
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_commit_end()
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine commit_wait_long(T, ierror)
        integer(c_int64_t), intent(in) :: T
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_commit_wait(T)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine commit_wait_default(T, ierror)
        integer, intent(in) :: T
        integer, intent(out), optional :: ierror

        call commit_wait_long(int(T, c_int64_t), ierror)
    end subroutine

    subroutine fetch_long(version, T, fetched, ierror)
        integer, intent(in) :: version
        integer(c_int64_t), intent(in) :: T
        integer, intent(out), optional :: fetched
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc, found

        found = -1
        rc = c_fetch(int(version, c_int), T, found)
        if (present(fetched)) fetched = found
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine fetch_default(version, T, fetched, ierror)
        integer, intent(in) :: version, T
        integer, intent(out), optional :: fetched
        integer, intent(out), optional :: ierror

        call fetch_long(version, int(T, c_int64_t), fetched, ierror)
    end subroutine

    ! bytes gets the size that was committed, also where the buffer is too small for it.
    subroutine FTMPI_Fetch_buffer(rank, name, version, buffer, bytes, T, ierror)
        integer, intent(in) :: rank, version
        character(*), intent(in) :: name
        type(*), dimension(..) :: buffer
        integer(c_int64_t), intent(out) :: bytes
        integer, intent(in) :: T
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = ftmpi_f_fetch_buffer(int(rank, c_int), ft_chars(name), int(version, c_int), buffer, &
            bytes, int(T, c_int64_t))
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine kept_long(rank, T, kept, ierror)
        integer, intent(in) :: rank
        integer(c_int64_t), intent(in) :: T
        type(FTMPI_Kept_t), intent(out) :: kept
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_kept(int(rank, c_int), T, kept)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine kept_default(rank, T, kept, ierror)
        integer, intent(in) :: rank, T
        type(FTMPI_Kept_t), intent(out) :: kept
        integer, intent(out), optional :: ierror

        call kept_long(rank, int(T, c_int64_t), kept, ierror)
    end subroutine

    ! ---------------------------------------------------------------- a world made whole

    pure function repair_of(c) result(repair)
        type(c_repair_t), intent(in) :: c
        type(FTMPI_Repair_t) :: repair

        repair = FTMPI_Repair_t(c%repairs, c%is_replacement /= 0, c%rank, c%world_n, &
            c%before_n, c%lost_n, c%lost, c%step_ms)
    end function

    integer(c_int) function call_back(repair, arg) bind(C, name='ftmpi_f_call_back')
        type(c_repair_t), intent(in) :: repair
        type(c_ptr), value :: arg
        type(callback_t), pointer :: callback
        integer :: action

        action = FTMPI_RETURN_ERROR
        call c_f_pointer(arg, callback)
        call callback%is(repair_of(repair), action)
        call_back = int(action, c_int)
    end function

    subroutine FTMPI_Set_callback(callback, ierror)
        procedure(FTMPI_Callback) :: callback
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        callback_now%is => callback
        rc = c_set_callback(c_funloc(call_back), c_loc(callback_now))
        if (present(ierror)) ierror = rc
    end subroutine

    ! C's FTMPI_Set_callback(NULL, NULL).
    subroutine FTMPI_Clear_callback(ierror)
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_set_callback(c_null_funptr, c_null_ptr)
        if (present(ierror)) ierror = rc
    end subroutine

    integer(c_int) function call_body(repair, arg) bind(C, name='ftmpi_f_call_body')
        type(c_repair_t), intent(in) :: repair
        type(c_ptr), value :: arg
        type(body_t), pointer :: body
        integer :: ierror

        ierror = MPI_SUCCESS
        call c_f_pointer(arg, body)
        call body%is(repair_of(repair), ierror)
        call_body = int(ierror, c_int)
    end function

    ! ierror gets body's last one.
    subroutine FTMPI_Loop(body, ierror)
        procedure(FTMPI_Body) :: body
        integer, intent(out), optional :: ierror
        type(body_t), target :: arg
        integer(c_int) :: rc

        arg%is => body
        rc = c_loop(c_funloc(call_body), c_loc(arg))
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Settle(ierror)
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc

        rc = c_settle()
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine FTMPI_Last_repair(repair, ierror)
        type(FTMPI_Repair_t), intent(out) :: repair
        integer, intent(out), optional :: ierror
        type(c_repair_t) :: c
        integer(c_int) :: rc

        rc = c_last_repair(c)
        repair = repair_of(c)
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine fetch_common_long(T, version, ierror)
        integer(c_int64_t), intent(in) :: T
        integer, intent(out), optional :: version
        integer, intent(out), optional :: ierror
        integer(c_int) :: rc, found

        found = -1
        rc = c_fetch_common(T, found)
        if (present(version)) version = found
        if (present(ierror)) ierror = rc
    end subroutine

    subroutine fetch_common_default(T, version, ierror)
        integer, intent(in) :: T
        integer, intent(out), optional :: version
        integer, intent(out), optional :: ierror

        call fetch_common_long(int(T, c_int64_t), version, ierror)
    end subroutine

    function FTMPI_Last_error() result(text)
        character(:), allocatable :: text
        character(kind=c_char) :: chars(FT_TEXT_MAX)
        integer(c_int) :: n

        n = ftmpi_f_last_error(chars, int(size(chars), c_int))
        text = ft_text(chars(:n))
    end function
end module
